import type { Consumer } from "@platformatic/kafka"
import type { BatchVerdict, ReceivedBatch } from "../../../bus/consume.ts"
import type { ReceivedMessage } from "../../../bus/message.ts"
import type { SessionOptions } from "../session.ts"
import type { Place } from "./assignment.ts"
import type { FetchedPartition } from "./visible-records.ts"

/** After an error of a handler that broke its promise not to throw. */
const PAUSE_AFTER_ERROR_MS = 1_000

interface Batch {
  readonly fetched: FetchedPartition
  readonly messages: readonly ReceivedMessage[]
  readonly nextOffset: bigint
}

/** Hands one batch over and does what the handler says with the partition. Never throws. */
export async function deliver(
  consumer: Consumer,
  place: Place,
  batch: Batch,
  options: SessionOptions,
): Promise<void> {
  const verdict = await ask(toReceivedBatch(place, batch), options)
  switch (verdict.next) {
    case "seek":
      place.handledUpTo = verdict.offset
      place.fetchFrom = verdict.offset
      return
    case "pause":
      place.pausedUntilMs = options.clock.nowMs() + verdict.pauseMs
      return
    case "continue":
      place.handledUpTo = batch.nextOffset
      place.fetchFrom = batch.nextOffset
      await commit(consumer, place, options)
  }
}

function toReceivedBatch(place: Place, { fetched, messages, nextOffset }: Batch): ReceivedBatch {
  return {
    topic: place.topic,
    partition: place.partition,
    fetchOffset: place.handledUpTo,
    messages,
    nextOffset,
    lowOffset: fetched.logStartOffset >= 0n ? fetched.logStartOffset : null,
    endOffset: fetched.highWatermark,
  }
}

async function ask(batch: ReceivedBatch, options: SessionOptions): Promise<BatchVerdict> {
  try {
    return await options.onBatch(batch)
  } catch (err) {
    options.settings.logger.warn({ topic: batch.topic, partition: batch.partition, err }, "batch not handled")
    return { next: "pause", pauseMs: PAUSE_AFTER_ERROR_MS }
  }
}

/** For monitors only: where to go on is in the stage's own database. */
async function commit(consumer: Consumer, place: Place, { settings }: SessionOptions): Promise<void> {
  const { topic, partition, handledUpTo } = place
  try {
    await consumer.commit({ offsets: [{ topic, partition, offset: handledUpTo, leaderEpoch: -1 }] })
  } catch (err) {
    settings.logger.debug({ topic, partition, err }, "the offset was not committed to Kafka")
  }
}
