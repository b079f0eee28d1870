import { insertDeadLetter } from "../../src/adapters/postgres/dead-letters/insert.ts"
import { createPostgresRelayCursor } from "../../src/adapters/postgres/relay/cursor.ts"
import { createPostgresRelayLetters } from "../../src/adapters/postgres/relay/letters.ts"
import { createTestDatabase } from "../support/database.ts"
import { insertEvents } from "../support/insert-events.ts"
import { relayLettersConformance } from "./relay-letters.ts"

relayLettersConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  const lease = await createPostgresRelayCursor(sql).acquire("a", 60_000)
  return {
    letters: createPostgresRelayLetters(sql),
    epoch: lease?.epoch ?? 0n,
    append: (...events) => insertEvents(sql, events),
    insert: letter => insertDeadLetter(sql, letter),
    async mark({ eventId }, state) {
      await sql`
        update reconciler.dead_letters set state = ${state},
          discarded_by = case when ${state} = 'discarded' then 'test' end,
          discard_reason = case when ${state} = 'discarded' then 'test' end
        where event_id = ${eventId}`
    },
    async states() {
      const rows = await sql<{ state: string; attempts: number; reason: string }[]>`
        select state, attempts, reason from reconciler.dead_letters where source = 'relay' order by position`
      return rows.map(({ state, attempts, reason }) => [state, attempts, reason] as const)
    },
    close: drop,
  }
})
