import type { Subscription } from "../../bus/consume.ts"
import { backoffMs } from "../../runtime/backoff.ts"
import type { Clock } from "../../runtime/clock.ts"
import { refused } from "./connection-fault.ts"
import { DEFAULT_TUNING, type KafkaSettings, type SubscriptionTuning } from "./settings.ts"

/** What one client's life is made of: the caller's wishes and the adapter's settings. */
export type SessionOptions = Parameters<Subscription["run"]>[0] & {
  readonly settings: KafkaSettings
  readonly clock: Clock
  readonly tuning: SubscriptionTuning
}

export type SessionEnd =
  | { readonly outcome: "stopped" }
  | { readonly outcome: "lost"; readonly error: unknown; readonly joined: boolean }
  | { readonly outcome: "broken"; readonly error: unknown }

/** One client's life: connects, joins, consumes until the signal aborts or the client gives up. Never rejects. */
export type RunSession = (options: SessionOptions) => Promise<SessionEnd>

/** Short: a broker that is back shall be used within two seconds. */
const RECONNECT = { baseMs: 200, maxMs: 1_500 }

/**
 * A consumer group's membership. What waiting can mend is tried again with a client made anew, however long it takes;
 * what it cannot (a wrong password, another listener: OperatorError; a bug: as it is) rejects, and the process ends.
 */
export function createSessionSubscription(
  runSession: RunSession,
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
        if (end.outcome === "broken") throw refused(settings, end.error)
        failures = end.joined ? 1 : failures + 1
        // A broker that has just started refuses the first joins, which is no news; the reason is, a stack is not.
        const level = failures < 3 ? "info" : "warn"
        settings.logger[level](
          { groupId, failures, reason: reasonOf(end.error) },
          "Kafka consumer joins again",
        )
        await clock.sleep(backoffMs(failures, RECONNECT), signal)
      }
    },
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
