import type { Batch, Consumer, EachBatchHandler, IHeaders, KafkaMessage } from "kafkajs"
import type { BatchVerdict, ReceivedBatch } from "../../../bus/consume.ts"
import type { ReceivedMessage } from "../../../bus/message.ts"
import type { SessionOptions } from "../session.ts"
import { partitionBounds, withAdmin } from "./admin.ts"
import type { PartitionProgress } from "./partition-progress.ts"

/** After an error of the adapter itself, or of a handler that broke its promise not to throw. */
const PAUSE_AFTER_ERROR_MS = 1_000

/**
 * Never throws: a SyntaxError or TypeError stops a kafkajs consumer for good, any other error loops on one offset
 * without a pause. What is not handled is not resolved, and is fetched again.
 */
export function createBatchHandler(
  consumer: Consumer,
  progress: PartitionProgress,
  options: SessionOptions,
): EachBatchHandler {
  const { signal, settings, clock, tuning } = options

  function passOverHidden(): void {
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      // Such a batch never reaches the handler: all its records are control records or of aborted transactions.
      if (payload.batchSize > 0) return
      progress.skipTo(payload.topic, payload.partition, BigInt(payload.lastOffset) + 1n)
    })
  }

  function pause(topic: string, partition: number, pauseMs: number): void {
    const paused = [{ topic, partitions: [partition] }]
    consumer.pause(paused)
    // Detached: a pause in the handler would keep the other partitions waiting too. Throws once the consumer is gone.
    void clock.sleep(pauseMs, signal).then(() => ignoreErrors(() => consumer.resume(paused)))
  }

  async function ask(batch: Batch): Promise<BatchVerdict> {
    try {
      return await options.onBatch(await received(batch, progress, settings))
    } catch (err) {
      settings.logger.warn({ topic: batch.topic, partition: batch.partition, err }, "batch not handled")
      return { next: "pause", pauseMs: PAUSE_AFTER_ERROR_MS }
    }
  }

  passOverHidden()
  return async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary }) => {
    const { topic, partition } = batch
    if (signal.aborted) return
    // A rebalance shows as an error of the heartbeat; the client meets it again after the batch.
    const beat = setInterval(() => void heartbeat().catch(() => undefined), tuning.sessionTimeoutMs / 10)
    try {
      const verdict = await ask(batch)
      switch (verdict.next) {
        case "seek":
          progress.startAt(topic, partition, verdict.offset)
          consumer.seek({ topic, partition, offset: verdict.offset.toString() })
          return
        case "pause":
          pause(topic, partition, verdict.pauseMs)
          return
        case "continue": {
          resolveOffset(batch.lastOffset())
          const nextOffset = BigInt(batch.lastOffset()) + 1n
          progress.startAt(topic, partition, nextOffset)
          const partitions = [{ partition, offset: nextOffset.toString() }]
          await commitOffsetsIfNecessary({ topics: [{ topic, partitions }] })
        }
      }
    } catch (err) {
      // The commit is for monitors only; and a consumer that has stopped refuses to seek.
      settings.logger.debug({ topic, partition, err }, "the consumer did not take the batch's outcome")
    } finally {
      clearInterval(beat)
    }
  }
}

async function received(
  batch: Batch,
  progress: PartitionProgress,
  settings: SessionOptions["settings"],
): Promise<ReceivedBatch> {
  const { topic, partition } = batch
  const fetched = fetchedOffset(batch)
  const isExpected = progress.isExpected(topic, partition, fetched)
  const oldest = isExpected ? null : await oldestOffset(settings, topic, partition)
  return {
    topic,
    partition,
    fetchOffset: progress.beginningOf(topic, partition, fetched),
    messages: batch.messages.map(message => toReceived(topic, partition, message)),
    nextOffset: BigInt(batch.lastOffset()) + 1n,
    lowOffset: oldest,
    endOffset: BigInt(batch.highWatermark),
  }
}

async function oldestOffset(
  settings: SessionOptions["settings"],
  topic: string,
  partition: number,
): Promise<bigint | null> {
  const bounds = await withAdmin(settings, admin => partitionBounds(admin, [topic]))
  return bounds.find(found => found.partition === partition)?.low ?? null
}

/** kafkajs has it, but not in its types; without it the first message's offset, which can be above it. */
function fetchedOffset(batch: Batch): bigint {
  const fetched: unknown = Reflect.get(batch, "fetchedOffset")
  return BigInt(typeof fetched === "string" ? fetched : (batch.firstOffset() ?? batch.lastOffset()))
}

function toReceived(topic: string, partition: number, message: KafkaMessage): ReceivedMessage {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    key: message.key?.toString("utf8") ?? null,
    value: message.value?.toString("utf8") ?? null,
    headers: toText(message.headers ?? {}),
  }
}

/** The last one of a header that comes several times, as CloudEvents has it. */
function toText(headers: IHeaders): Record<string, string> {
  const text: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value
    if (last !== undefined) text[name] = last.toString("utf8")
  }
  return text
}

function ignoreErrors(run: () => void): void {
  try {
    run()
  } catch {
    // Nothing to resume any more.
  }
}
