import { createMemoryConsumerOffsets } from "../support/twins/consumer-offsets.ts"
import { consumerOffsetsConformance } from "./consumer-offsets.ts"

consumerOffsetsConformance("memory", async () => ({
  offsets: createMemoryConsumerOffsets(),
  close: async () => undefined,
}))
