import type { Logger } from "../../runtime/logger.ts"

export const KAFKA_CLIENTS = ["kafkajs", "platformatic"] as const
export type KafkaClientName = (typeof KAFKA_CLIENTS)[number]

/** How to reach Kafka. */
export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[]
  /** Shown in the broker's logs and quotas. */
  readonly clientId: string
  readonly tls?: KafkaTls
  readonly sasl?: KafkaSasl
  readonly logger: Logger
}

export interface KafkaTls {
  /** PEM certificates to trust. Asked for at every new connection, so that a renewed file is used without a restart. */
  readonly ca: () => string
}

export const SASL_MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const

export interface KafkaSasl {
  readonly mechanism: (typeof SASL_MECHANISMS)[number]
  readonly username: string
  /** Asked for whenever a client is made, which is also after each failure. */
  readonly password: () => string
}

export interface SubscriptionTuning {
  /** Bytes of one partition in a batch at most; one larger message still comes, alone. */
  readonly maxBatchBytes: number
  /** How long the broker holds an empty fetch: also how late a seek, a resume or a stop can be. */
  readonly maxWaitMs: number
  /** A member that gives no sign for so long loses its partitions. */
  readonly sessionTimeoutMs: number
}

export const DEFAULT_TUNING: SubscriptionTuning = {
  maxBatchBytes: 512 * 1024,
  maxWaitMs: 250,
  sessionTimeoutMs: 30_000,
}

/** How long one connection may take, and one answer. */
export const CONNECTION_TIMEOUT_MS = 3_000
export const REQUEST_TIMEOUT_MS = 15_000
