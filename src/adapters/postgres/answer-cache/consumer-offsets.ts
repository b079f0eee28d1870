import type { ConsumerOffsets } from "../../../answer-cache/ports.ts"
import type { Sql } from "../client.ts"
import { moveOffset, readOffset } from "../consumer-offsets.ts"

/** In the table that all consumers share. */
export function createConsumerOffsets(sql: Sql): ConsumerOffsets {
  return {
    storedOffset: (consumerGroup, topic, partition) => readOffset(sql, consumerGroup, topic, partition),
    move: async step => ({ outcome: (await moveOffset(sql, step)) ? "stored" : "moved" }),
  }
}
