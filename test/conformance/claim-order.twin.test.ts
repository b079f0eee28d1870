import { createInMemoryLaneStore } from "../support/twins/lane-store.ts"
import { createChainWriterMemory, createInMemoryOperationQueue } from "../support/twins/operation-queue.ts"
import { claimOrderConformance } from "./claim-order.ts"

claimOrderConformance("in memory", async () => {
  const memory = createChainWriterMemory(Date.now)
  return {
    ...createInMemoryLaneStore(memory),
    queue: createInMemoryOperationQueue(memory),
    appended: async subject => memory.events.filter(event => event.subject === subject),
    isRaisedAbove: async version => memory.raisedPositions.includes(version),
    close: async () => {},
  }
})
