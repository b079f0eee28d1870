import { Consumer } from "@platformatic/kafka"
import type { Clock } from "../../../runtime/clock.ts"
import { linkedSignal } from "../../../runtime/linked-signal.ts"
import type { SessionEnd, SessionOptions } from "../session.ts"
import { REQUEST_TIMEOUT_MS } from "../settings.ts"
import { createAssignment } from "./assignment.ts"
import { clientOptions } from "./client.ts"
import { isTransient } from "./errors.ts"
import { consumePartitions } from "./fetch-loop.ts"

const RETRIES = 3
/** A leave that the broker does not answer: it forgets the member by itself after the session timeout. */
const LEAVE_WITHIN_MS = 3_000

/**
 * One client's life. The library keeps the membership; what is fetched, and from where, is decided here: its own stream
 * of messages can neither seek nor say where a fetch began.
 */
export async function runSession(options: SessionOptions): Promise<SessionEnd> {
  using over = linkedSignal(options.signal)
  const consumer = new Consumer(consumerOptions(options))
  const assignment = createAssignment(consumer, { ...options, signal: over.signal })
  const failed = failureOf(consumer)
  const stopped = new Promise<void>(resolve => {
    if (over.signal.aborted) resolve()
    else over.signal.addEventListener("abort", () => resolve(), { once: true })
  })
  let joined = false
  let consuming: Promise<void> = Promise.resolve()
  try {
    consumer.topics.trackAll(...options.topics)
    await Promise.race([consumer.joinGroup({}), failed, stopped])
    if (options.signal.aborted) return { outcome: "stopped" }
    joined = true
    consuming = consumePartitions(consumer, assignment, { ...options, signal: over.signal })
    await Promise.race([consuming, failed])
    return { outcome: "stopped" }
  } catch (error) {
    if (options.signal.aborted) return { outcome: "stopped" }
    return isTransient(error) ? { outcome: "lost", error, joined } : { outcome: "broken", error }
  } finally {
    over.abort()
    // The batch in hand: the next session must not handle the same one beside it.
    await consuming.catch(() => undefined)
    await leave(consumer, options.clock)
  }
}

async function leave(consumer: Consumer, clock: Clock): Promise<void> {
  using left = linkedSignal(AbortSignal.timeout(2 * LEAVE_WITHIN_MS))
  await Promise.race([consumer.close(true), clock.sleep(LEAVE_WITHIN_MS, left.signal)]).catch(() => undefined)
  left.abort()
}

function consumerOptions({ settings, groupId, tuning }: SessionOptions) {
  const { sessionTimeoutMs } = tuning
  return {
    ...clientOptions(settings, RETRIES),
    // A join waits for the slowest member.
    requestTimeout: Math.max(REQUEST_TIMEOUT_MS, sessionTimeoutMs + 5_000),
    groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.floor(sessionTimeoutMs / 10),
    heartbeatStallTimeout: sessionTimeoutMs,
    autocommit: false,
    maxWaitTime: tuning.maxWaitMs,
  }
}

/** Rejects when the library cannot join again, or hears nothing from the group's coordinator any more. */
function failureOf(consumer: Consumer): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    consumer.on("error", reject)
    consumer.on("consumer:heartbeat:stalled", ({ lastError }) => {
      if (lastError) reject(lastError)
    })
  })
  failed.catch(() => undefined)
  return failed
}
