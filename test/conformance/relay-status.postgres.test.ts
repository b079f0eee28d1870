import { randomBytes, randomUUID } from "node:crypto"
import { insertDeadLetter } from "../../src/adapters/postgres/dead-letters/insert.ts"
import { createPostgresRelayCursor } from "../../src/adapters/postgres/relay/cursor.ts"
import { createPostgresRelayStatus } from "../../src/adapters/postgres/relay/status.ts"
import { createStatusSources } from "../../src/adapters/postgres/status.ts"
import { createTestDatabase } from "../support/database.ts"
import { relayStatusConformance } from "./relay-status.ts"

relayStatusConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  const cursor = createPostgresRelayCursor(sql)
  const lease = await cursor.acquire("test", 60_000)
  let published = 0
  return {
    status: createPostgresRelayStatus(sql),
    sources: createStatusSources(sql),
    async append(count) {
      for (let n = 0; n < count; n += 1) {
        await sql`select from reconciler.append('unblock-ip.requested', ${randomBytes(32)}::bytea, '{}')`
      }
    },
    async publish(count) {
      published += count
      const [last] = await sql<{ seq: bigint }[]>`
        select seq from reconciler.outbox order by seq offset ${published - 1} limit 1`
      await cursor.advance(lease?.epoch ?? 0n, last?.seq ?? 0n)
    },
    setAside: () => insertDeadLetter(sql, { source: "test", reason: "bad-payload", eventId: randomUUID() }),
    close: drop,
  }
})
