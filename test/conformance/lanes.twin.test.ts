import { createInMemoryLaneStore } from "../support/twins/lane-store.ts"
import { createChainWriterMemory } from "../support/twins/operation-queue.ts"
import { lanesConformance } from "./lanes.ts"

lanesConformance("in memory", async () => {
  const memory = createChainWriterMemory(Date.now)
  const { lanes, levers } = createInMemoryLaneStore(memory)
  return { lanes, levers, findings: async () => [...memory.findings], close: async () => {} }
})
