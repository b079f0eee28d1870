import type { Consumer } from "kafkajs"
import type { SessionEnd, SessionOptions } from "../session.ts"
import { assignPartitions } from "./assignment.ts"
import { createBatchHandler } from "./batch-handler.ts"
import { createKafkaClient, retryWith } from "./client.ts"
import { isTransient } from "./errors.ts"
import { createPartitionProgress } from "./partition-progress.ts"

const RETRIES = 5
/** A join can take as long as the slowest member; a stop does not wait for it. */
const STOP_WAITS_FOR_JOIN_MS = 5_000

/** One client's life: connects, joins, consumes until the signal aborts or the client gives up. */
export async function runSession(options: SessionOptions): Promise<SessionEnd> {
  const { signal, tuning, clock } = options
  const over = new AbortController()
  const consumer = createKafkaClient(options.settings, RETRIES).consumer({
    groupId: options.groupId,
    sessionTimeout: tuning.sessionTimeoutMs,
    heartbeatInterval: Math.floor(tuning.sessionTimeoutMs / 10),
    maxBytesPerPartition: tuning.maxBatchBytes,
    maxWaitTimeInMs: tuning.maxWaitMs,
    allowAutoTopicCreation: false,
    // Restarting in place keeps the broken client's state; a new client is made instead.
    retry: { ...retryWith(RETRIES), restartOnFailure: async () => false },
  })
  let joined = false
  consumer.on(consumer.events.GROUP_JOIN, () => {
    joined = true
  })
  const stopped = new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener("abort", () => resolve(), { once: true })
  })
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
  })
  crashed.catch(() => undefined)
  try {
    await Promise.race([connect(consumer, options.topics), stopped])
    if (signal.aborted) return { outcome: "stopped" }
    const running = consume(consumer, options)
    await Promise.race([running, crashed, stopped])
    await Promise.race([crashed, stopped])
    // Stopping a client that is still joining leaves it running: kafkajs starts to fetch when the join is done.
    await Promise.race([running, crashed, clock.sleep(STOP_WAITS_FOR_JOIN_MS, over.signal)])
    return { outcome: "stopped" }
  } catch (error) {
    if (signal.aborted) return { outcome: "stopped" }
    return isTransient(error) ? { outcome: "lost", error, joined } : { outcome: "broken", error }
  } finally {
    over.abort()
    // Waits for the batch in hand.
    await consumer.disconnect().catch(() => undefined)
  }
}

async function connect(consumer: Consumer, topics: readonly string[]): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics: [...topics], fromBeginning: true })
}

/** Resolves when the group was joined; what follows is told by the CRASH event only. */
function consume(consumer: Consumer, options: SessionOptions): Promise<void> {
  const progress = createPartitionProgress()
  assignPartitions(consumer, progress, options)
  const handler = createBatchHandler(consumer, progress, options)
  // Offsets are resolved and committed by hand: resolved automatically, a stop would skip what was not handled.
  return consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: handler })
}
