import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { createTestDatabase } from "../support/database.ts"
import { operationOrderConformance } from "./operation-order.ts"

operationOrderConformance("postgres", async onPoison => {
  const { sql, drop } = await createTestDatabase()
  return {
    queue: createOperationQueue(sql, { onPoison }),
    deadLetters: createDeadLetters(sql),
    async queued() {
      const rows = await sql<{ position: bigint }[]>`
        select position from reconciler.chain_operations order by accepted_at`
      return rows.map(({ position }) => position)
    },
    close: drop,
  }
})
