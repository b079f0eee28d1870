import { backoffMs } from "../runtime/backoff.ts"
import type { Clock } from "../runtime/clock.ts"
import { linkedSignal } from "../runtime/linked-signal.ts"
import type { Logger } from "../runtime/logger.ts"
import {
  type BatchOutcome,
  type BatchVerdict,
  type EventBatch,
  parseBatch,
  type ReceivedBatch,
  type Subscription,
} from "./consume.ts"
import { continuityOf } from "./continuity.ts"
import type { BusFindings } from "./findings.ts"
import { createOffsetWatch } from "./offset-watch.ts"

export interface ConsumerOptions {
  readonly subscription: Subscription
  readonly groupId: string
  readonly topics: readonly string[]
  /** Where the group continues, as the stage's own database has it. */
  readonly offsets: {
    storedOffset(groupId: string, topic: string, partition: number): Promise<bigint | null>
  }
  /**
   * Stores the events' effects and `nextOffset` in one transaction, if `storedOffset` is still what is stored. A throw
   * means that nothing was stored: the same batch comes again. Messages can come twice: an event is known by its id.
   */
  readonly handle: (batch: EventBatch) => Promise<BatchOutcome>
  /** True while the stage has enough to do: its partitions are paused, and the rest waits on the broker. */
  readonly overloaded?: () => Promise<boolean>
  /** How often it is looked whether the stored offsets went back; a statement a partition. */
  readonly lookBackEveryMs?: number
  /** Where it is kept for `status` when offsets do not continue. */
  readonly findings?: BusFindings
  readonly logger: Logger
  readonly clock: Clock
  readonly signal: AbortSignal
}

const OVERLOAD_PAUSE_MS = 500
/** Short: a database that is back shall be used within two seconds. */
const RETRY = { baseMs: 100, maxMs: 1_500 }

const LOOK_BACK_EVERY_MS = 30_000

/** Runs one group until the signal aborts; rejects when the client is broken for good. */
export async function runConsumer(options: ConsumerOptions): Promise<void> {
  const { subscription, groupId, topics, signal } = options
  const log = options.logger.child({ groupId })
  const failures = new Map<string, number>()
  const storedOffset = (topic: string, partition: number) =>
    options.offsets.storedOffset(groupId, topic, partition)
  const watch = createOffsetWatch({
    storedOffset,
    clock: options.clock,
    everyMs: options.lookBackEveryMs ?? LOOK_BACK_EVERY_MS,
  })

  /** The offset is asked for at each batch: another member may have moved it while this one was cut off. */
  async function handleBatch(batch: ReceivedBatch): Promise<BatchVerdict> {
    const { topic, partition } = batch
    const stored = await storedOffset(topic, partition)
    const continuity = continuityOf(batch, stored)
    if (!continuity.continues) return { next: "seek", offset: continuity.seekTo }
    if (await options.overloaded?.()) return { next: "pause", pauseMs: OVERLOAD_PAUSE_MS }
    const startedMs = options.clock.nowMs()
    const { outcome } = await options.handle(parseBatch(batch, groupId, stored))
    if (outcome === "moved") return continueFromStored(batch)
    watch.note(topic, partition, batch.nextOffset)
    const tookMs = options.clock.nowMs() - startedMs
    log.debug({ topic, partition, messages: batch.messages.length, tookMs }, "batch handled")
    if ("finding" in continuity) {
      const { finding } = continuity
      const skipped = { stored: String(stored), from: String(batch.fetchOffset) }
      log.error({ topic, partition, finding, ...skipped }, "offsets do not continue: compare with the log")
      await options.findings?.open(finding, `${groupId} ${topic}/${partition}`)
    }
    return { next: "continue" }
  }

  async function continueFromStored({ topic, partition, lowOffset }: ReceivedBatch): Promise<BatchVerdict> {
    const stored = await storedOffset(topic, partition)
    log.warn(
      { topic, partition, stored: String(stored) },
      "the stored offset moved while a batch was handled",
    )
    return { next: "seek", offset: stored ?? lowOffset ?? 0n }
  }

  /** Never throws: a throw in the client's handler stops it for good or loops for ever, depending on its kind. */
  async function onBatch(batch: ReceivedBatch): Promise<BatchVerdict> {
    const { topic, partition } = batch
    const key = `${topic}/${partition}`
    try {
      const verdict = await handleBatch(batch)
      failures.delete(key)
      return verdict
    } catch (error) {
      const failed = (failures.get(key) ?? 0) + 1
      failures.set(key, failed)
      const level = failed === 1 || failed % 20 === 0 ? "warn" : "debug"
      log[level]({ topic, partition, failures: failed, err: error }, "batch failed, will try again")
      return { next: "pause", pauseMs: backoffMs(failed, RETRY) }
    }
  }

  async function beginAt(topic: string, partition: number): Promise<bigint | null> {
    const stored = await storedOffset(topic, partition)
    watch.note(topic, partition, stored)
    return stored
  }

  while (!signal.aborted) {
    using session = linkedSignal(signal)
    const watching = watch.wentBack(session.signal).then(wentBack => {
      if (wentBack) log.warn("the database went back to an older state: consuming again from there")
      session.abort()
    })
    const running = subscription.run({
      groupId,
      topics,
      storedOffset: beginAt,
      onBatch,
      signal: session.signal,
    })
    try {
      await running
    } finally {
      session.abort()
      await watching
    }
  }
}
