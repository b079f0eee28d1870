import type { Consumer, KafkaRecord, RecordsBatch } from "@platformatic/kafka"
import type { ReceivedMessage } from "../../../bus/message.ts"

/** The library does not export it. */
export type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>
export type FetchedPartition = FetchResponse["responses"][number]["partitions"][number]

const TRANSACTIONAL = 1 << 4
const CONTROL = 1 << 5
const ABORT = 0

export interface VisibleRecords {
  readonly messages: readonly ReceivedMessage[]
  /** After all that was read, seen or not; null if nothing was. */
  readonly nextOffset: bigint | null
}

/**
 * What a consumer may see of a fetched partition from an offset on: no control records, and none of an aborted
 * transaction. The library leaves those in whose end is in a later fetch, so it is done here as Kafka's own client does:
 * a producer's records are hidden from its aborted transaction's first offset up to its abort marker.
 */
export function visibleRecords(topic: string, fetched: FetchedPartition, from: bigint): VisibleRecords {
  const aborted = (fetched.abortedTransactions ?? []).toSorted((left, right) =>
    left.firstOffset < right.firstOffset ? -1 : 1,
  )
  const hidden = new Set<bigint>()
  const messages: ReceivedMessage[] = []
  let nextOffset: bigint | null = null
  for (const batch of fetched.records ?? []) {
    const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta)
    while (aborted[0] && aborted[0].firstOffset <= lastOffset) hidden.add(aborted.shift()?.producerId ?? -1n)
    if (lastOffset >= from) nextOffset = lastOffset + 1n
    if (batch.attributes & CONTROL) {
      if (isAbort(batch)) hidden.delete(batch.producerId)
      continue
    }
    if (batch.attributes & TRANSACTIONAL && hidden.has(batch.producerId)) continue
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta)
      // A fetch gives whole batches, also one that begins before the offset asked for.
      if (offset >= from) messages.push(toReceived(topic, fetched.partitionIndex, offset, record))
    }
  }
  return { messages, nextOffset }
}

/** A control record's key is its version and its type, two bytes each. */
function isAbort(batch: RecordsBatch): boolean {
  return batch.records[0]?.key?.readInt16BE(2) === ABORT
}

function toReceived(
  topic: string,
  partition: number,
  offset: bigint,
  { key, value, headers }: KafkaRecord,
): ReceivedMessage {
  const text: Record<string, string> = {}
  // The last one of a header that comes several times, as CloudEvents has it.
  for (const [name, content] of headers) {
    if (name !== null && content !== null) text[name.toString("utf8")] = content.toString("utf8")
  }
  return {
    topic,
    partition,
    offset,
    key: key?.toString("utf8") ?? null,
    value: value?.toString("utf8") ?? null,
    headers: text,
  }
}
