import { acceptOperations } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { insertDeadLetter } from "../../src/adapters/postgres/dead-letters/insert.ts"
import { createDeadLetterLevers } from "../../src/adapters/postgres/dead-letters/levers.ts"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type { NewEvent } from "../../src/domain/event.ts"
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
    accept: event => sql.begin(async tx => void (await acceptOperations(tx, [toOperation(event)!]))),
    async told() {
      return sql<NewEvent[]>`
        select type, '0x' || encode(subject, 'hex') as subject, payload, traceparent, causation_id as "causationId"
        from reconciler.outbox where type like '%.rejected' order by seq`
    },
    async queued() {
      const rows = await sql<{ position: bigint }[]>`
        select position from reconciler.chain_operations where state = 'pending' order by position`
      return rows.map(({ position }) => position)
    },
    async viewed() {
      const rows = await sql<{ position: bigint }[]>`select position from reconciler.operation_views`
      return rows.map(({ position }) => position)
    },
    close: drop,
  }
})
