import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { insertDeadLetter } from "../../src/adapters/postgres/dead-letters/insert.ts"
import { createDeadLetterLevers } from "../../src/adapters/postgres/dead-letters/levers.ts"
import { createTestDatabase } from "../support/database.ts"
import { insertEvents } from "../support/insert-events.ts"
import { deadLetterLeversConformance } from "./dead-letter-levers.ts"

deadLetterLeversConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    levers: createDeadLetterLevers(sql),
    deadLetters: createDeadLetters(sql),
    append: (...events) => insertEvents(sql, events),
    insert: letter => insertDeadLetter(sql, letter),
    async queued() {
      const rows = await sql<{ position: bigint }[]>`
        select position from reconciler.chain_operations order by position`
      return rows.map(({ position }) => position)
    },
    async viewed() {
      const rows = await sql<{ position: bigint }[]>`select position from reconciler.operation_views`
      return rows.map(({ position }) => position)
    },
    close: drop,
  }
})
