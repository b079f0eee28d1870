import { createChainWriterMemory, createInMemoryOperationQueue } from "../support/twins/operation-queue.ts"
import { operationQueueConformance } from "./operation-queue.ts"

operationQueueConformance("in memory", async () => {
  const memory = createChainWriterMemory(Date.now)
  return {
    queue: createInMemoryOperationQueue(memory),
    deadLetters: () => memory.deadLetters.deadLetters.count(),
    close: async () => {},
  }
})
