import { setTimeout as wait } from "node:timers/promises"
import type { BatchVerdict, ReceivedBatch, Subscription } from "../../../src/bus/consume.ts"
import type { InMemoryBroker } from "./message-broker.ts"

const MAX_BATCH = 10

/** One member that has all partitions. Its first batch of a partition begins at the oldest message, as a client's may. */
export function createInMemorySubscription(
  broker: InMemoryBroker,
  options: { readonly startsStale?: boolean } = {},
): Subscription {
  return {
    async run({ topics, storedOffset, onBatch, signal }) {
      const readers = topics.flatMap(topic =>
        Array.from({ length: broker.partitions }, (_, partition) => ({
          topic,
          partition,
          next: 0n,
          pausedUntil: 0,
        })),
      )
      for (const reader of readers) {
        const low = broker.lowOffset(reader.topic, reader.partition)
        const stored = options.startsStale ? null : await storedOffset(reader.topic, reader.partition)
        reader.next = stored === null || stored < low ? low : stored
      }
      while (!signal.aborted) {
        for (const reader of readers) {
          if (signal.aborted || reader.pausedUntil > performance.now()) continue
          const batch = fetch(broker, reader.topic, reader.partition, reader.next)
          if (!batch) continue
          const verdict = await onBatch(batch).catch((): BatchVerdict => ({ next: "pause", pauseMs: 5 }))
          if (verdict.next === "continue") reader.next = batch.nextOffset
          if (verdict.next === "seek") reader.next = verdict.offset
          if (verdict.next === "pause") reader.pausedUntil = performance.now() + verdict.pauseMs
        }
        await wait(1)
      }
    },
  }
}

/** From the oldest message on where `from` is outside of what the broker has. */
function fetch(broker: InMemoryBroker, topic: string, partition: number, from: bigint): ReceivedBatch | null {
  const lowOffset = broker.lowOffset(topic, partition)
  const endOffset = broker.endOffset(topic, partition)
  const fetchOffset = from < lowOffset || from > endOffset ? lowOffset : from
  const messages = broker
    .read(topic, partition)
    .filter(({ offset }) => offset >= fetchOffset)
    .slice(0, MAX_BATCH)
  const last = messages.at(-1)
  if (!last) return null
  return { topic, partition, fetchOffset, messages, nextOffset: last.offset + 1n, lowOffset, endOffset }
}
