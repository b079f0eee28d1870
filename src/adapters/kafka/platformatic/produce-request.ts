import type { OutgoingMessage } from "../../../bus/message.ts"
import { createByteWriter } from "./byte-writer.ts"
import { createRecordBatchWriter } from "./record-batch.ts"

const ALL_IN_SYNC_REPLICAS = -1
const NO_TRANSACTION = -1

/** The messages of one partition, in order. */
export interface PartitionMessages {
  readonly topic: string
  readonly partition: number
  /** Of the first message, by this producer. */
  readonly firstSequence: number
  readonly messages: readonly OutgoingMessage[]
}

export interface ProduceRequestWriter {
  /** The request's body in version 8; overwritten by the next call. A partition is in it once, as the protocol asks. */
  write(
    parts: readonly PartitionMessages[],
    producer: { readonly producerId: bigint; readonly producerEpoch: number },
    options: { readonly timestampMs: number; readonly timeoutMs: number },
  ): Buffer
}

export function createProduceRequestWriter(): ProduceRequestWriter {
  const target = createByteWriter()
  const writeBatch = createRecordBatchWriter()

  function topicName(topic: string): void {
    const bytes = Buffer.from(topic)
    target.int16(bytes.length)
    target.raw(bytes)
  }

  return {
    write(parts, producer, { timestampMs, timeoutMs }) {
      target.clear()
      target.int16(NO_TRANSACTION)
      target.int16(ALL_IN_SYNC_REPLICAS)
      target.int32(timeoutMs)
      const topics = Map.groupBy(parts, ({ topic }) => topic)
      target.int32(topics.size)
      for (const [topic, ofTopic] of topics) {
        topicName(topic)
        target.int32(ofTopic.length)
        for (const { partition, firstSequence, messages } of ofTopic) {
          target.int32(partition)
          const lengthAt = target.reserveInt32()
          writeBatch(target, messages, { ...producer, firstSequence, timestampMs })
          target.setInt32(lengthAt, target.position - lengthAt - 4)
        }
      }
      return target.bytes()
    },
  }
}
