import { crc32c } from "@platformatic/kafka"
import type { OutgoingMessage } from "../../../bus/message.ts"
import { type ByteWriter, createByteWriter } from "./byte-writer.ts"

/** Record batch format 2: https://kafka.apache.org/documentation/#recordbatch */
const MAGIC = 2

export interface BatchHead {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Of the first record; the broker drops a batch that it has and refuses one that leaves a gap. */
  readonly firstSequence: number
  readonly timestampMs: number
}

export type RecordBatchWriter = (
  target: ByteWriter,
  messages: readonly OutgoingMessage[],
  head: BatchHead,
) => void

/** A header with more values than this is an id or the like: its values are not asked for again. */
const MAX_REPEATED_VALUES = 16

interface KnownHeader {
  readonly name: Buffer
  /** Whole headers by value; null once there were too many values. */
  values: Map<string, Buffer> | null
}

/** Header names, and headers that come again with the same value, are encoded once. */
export function createRecordBatchWriter(): RecordBatchWriter {
  const known = new Map<string, KnownHeader>()
  const scratch = createByteWriter(1024)

  function encoded(...texts: readonly string[]): Buffer {
    scratch.clear()
    for (const text of texts) scratch.text(text)
    return Buffer.from(scratch.bytes())
  }

  function header(target: ByteWriter, name: string, value: string): void {
    const found = known.get(name) ?? { name: encoded(name), values: new Map() }
    known.set(name, found)
    const whole = found.values?.get(value)
    if (whole) {
      target.raw(whole)
      return
    }
    target.raw(found.name)
    target.text(value)
    if (!found.values) return
    if (found.values.size < MAX_REPEATED_VALUES) found.values.set(value, encoded(name, value))
    else found.values = null
  }

  function record(target: ByteWriter, message: OutgoingMessage, offsetDelta: number): void {
    target.int8(0)
    target.varint(0)
    target.varint(offsetDelta)
    target.text(message.key)
    target.text(message.value)
    const names = Object.keys(message.headers)
    target.varint(names.length)
    for (const name of names) header(target, name, message.headers[name] ?? "")
  }

  return (target, messages, head) => {
    target.int64(0n)
    const lengthAt = target.reserveInt32()
    target.int32(-1)
    target.int8(MAGIC)
    const crcAt = target.reserveInt32()
    const coveredFrom = target.position
    target.int16(0)
    target.int32(messages.length - 1)
    target.int64(BigInt(head.timestampMs))
    target.int64(BigInt(head.timestampMs))
    target.int64(head.producerId)
    target.int16(head.producerEpoch)
    target.int32(head.firstSequence)
    target.int32(messages.length)
    messages.forEach((message, index) => {
      target.sized(() => record(target, message, index))
    })
    target.setInt32(lengthAt, target.position - lengthAt - 4)
    target.setInt32(crcAt, crc32c(target.bytes(coveredFrom)) | 0)
  }
}
