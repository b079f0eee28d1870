import type { Subscription } from "../../bus/consume.ts"
import type { Clock } from "../../runtime/clock.ts"
import type { KafkaSettings } from "./client.ts"

export interface SubscriptionTuning {
  /** Bytes of one partition in a batch at most; one larger message still comes, alone. */
  readonly maxBatchBytes: number
  /** How long the broker holds an empty fetch: also how late a seek, a resume or a stop can be. */
  readonly maxWaitMs: number
  /** A member that gives no sign for so long loses its partitions. */
  readonly sessionTimeoutMs: number
}

/** What one client's life is made of: the caller's wishes and the adapter's settings. */
export type SessionOptions = Parameters<Subscription["run"]>[0] & {
  readonly settings: KafkaSettings
  readonly clock: Clock
  readonly tuning: SubscriptionTuning
}
