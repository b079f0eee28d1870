import { createConsumerOffsets } from "../../src/adapters/postgres/answer-cache/consumer-offsets.ts"
import { createTestDatabase } from "../support/database.ts"
import { consumerOffsetsConformance } from "./consumer-offsets.ts"

consumerOffsetsConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return { offsets: createConsumerOffsets(sql), close: drop }
})
