import { createInMemoryConsumerProgress } from "../support/twins/consumer-progress.ts"
import { consumerProgressConformance } from "./consumer-progress.ts"

consumerProgressConformance("in memory", async () => {
  const { progress, store } = createInMemoryConsumerProgress()
  return { progress, store: async end => store(end), close: async () => {} }
})
