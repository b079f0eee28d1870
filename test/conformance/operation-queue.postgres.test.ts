import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { createTestDatabase } from "../support/database.ts"
import { operationQueueConformance } from "./operation-queue.ts"

operationQueueConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    queue: createOperationQueue(sql),
    deadLetters: () => createDeadLetters(sql).count(),
    close: drop,
  }
})
