import { createInMemoryLaneStore } from "../support/twins/lane-store.ts"
import { createChainWriterMemory, createInMemoryOperationQueue } from "../support/twins/operation-queue.ts"
import { laneLeversConformance } from "./lane-levers.ts"

laneLeversConformance("in memory", async () => {
  const memory = createChainWriterMemory(Date.now)
  return {
    ...createInMemoryLaneStore(memory),
    queue: createInMemoryOperationQueue(memory),
    close: async () => {},
  }
})
