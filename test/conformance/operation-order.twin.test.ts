import { createChainWriterMemory, createInMemoryOperationQueue } from "../support/twins/operation-queue.ts"
import { operationOrderConformance } from "./operation-order.ts"

operationOrderConformance("in memory", async onPoison => {
  const memory = createChainWriterMemory(Date.now)
  return {
    queue: createInMemoryOperationQueue(memory, { onPoison }),
    deadLetters: memory.deadLetters.deadLetters,
    queued: async () => [...memory.operations.values()].map(({ position }) => position),
    close: async () => {},
  }
})
