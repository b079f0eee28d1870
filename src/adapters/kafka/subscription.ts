import type { Subscription } from "../../bus/consume.ts"
import { backoffMs } from "../../runtime/backoff.ts"
import type { Clock } from "../../runtime/clock.ts"
import type { KafkaSettings } from "./client.ts"
import { runSession } from "./consumer-session.ts"
import type { SubscriptionTuning } from "./session-options.ts"

const RECONNECT = { baseMs: 500, maxMs: 15_000 }

const DEFAULT_TUNING: SubscriptionTuning = {
  maxBatchBytes: 512 * 1024,
  maxWaitMs: 250,
  sessionTimeoutMs: 30_000,
}

/**
 * A consumer group's membership over kafkajs. What waiting can mend is tried again with a client made anew, however
 * long it takes; what it cannot (a wrong password, a bug) rejects, and the process ends and says so.
 */
export function createKafkaSubscription(
  settings: KafkaSettings,
  clock: Clock,
  tuning: Partial<SubscriptionTuning> = {},
): Subscription {
  return {
    async run(options) {
      const { signal, groupId } = options
      let failures = 0
      while (!signal.aborted) {
        const end = await runSession({
          settings,
          clock,
          tuning: { ...DEFAULT_TUNING, ...tuning },
          ...options,
        })
        if (end.outcome === "stopped") return
        if (end.outcome === "broken") throw end.error
        failures = end.joined ? 1 : failures + 1
        settings.logger.warn({ groupId, failures, err: end.error }, "Kafka consumer lost its connection")
        await clock.sleep(backoffMs(failures, RECONNECT), signal)
      }
    },
  }
}
