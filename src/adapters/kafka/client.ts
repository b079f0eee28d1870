import type { ConnectionOptions } from "node:tls"
import { Kafka, logLevel } from "kafkajs"
import type { Logger } from "../../runtime/logger.ts"

/** How to reach Kafka. Each adapter makes its own client of it: kafkajs keeps a group's offsets per client. */
export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[]
  /** Shown in the broker's logs and quotas. */
  readonly clientId: string
  readonly ssl?: boolean | ConnectionOptions
  readonly sasl?: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512"
    readonly username: string
    readonly password: string
  }
  readonly logger: Logger
}

const CONNECTION_TIMEOUT_MS = 3_000
const REQUEST_TIMEOUT_MS = 15_000

/** `retries` bounds how long one call insists; whoever calls tries again by itself, and can be stopped. */
export function createKafkaClient(settings: KafkaSettings, retries: number): Kafka {
  const { ssl, sasl } = settings
  return new Kafka({
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // All given: kafkajs has other defaults when NODE_ENV is test.
    retry: retryWith(retries),
    logLevel: logLevel.WARN,
    logCreator: () => forwardTo(settings.logger),
  })
}

export function retryWith(retries: number) {
  return { retries, initialRetryTime: 100, maxRetryTime: 2_000, factor: 0.2, multiplier: 2 }
}

function saslOptions({ mechanism, username, password }: NonNullable<KafkaSettings["sasl"]>) {
  switch (mechanism) {
    case "plain":
      return { mechanism, username, password } as const
    case "scram-sha-256":
      return { mechanism, username, password } as const
    case "scram-sha-512":
      return { mechanism, username, password } as const
  }
}

/** Fields that name neither a key nor a value of a message. */
const LOGGED = ["error", "broker", "groupId", "topic", "partition", "retryCount"] as const

/** These tell of every try during an outage, which the callers report once. */
const CHATTY = new Set(["Connection", "BrokerPool", "Producer", "Cluster"])

function forwardTo(logger: Logger) {
  return (entry: {
    namespace: string
    level: logLevel
    log: { message: string; readonly [key: string]: unknown }
  }): void => {
    const fields = Object.fromEntries(
      LOGGED.flatMap(name => (name in entry.log ? [[name, entry.log[name]]] : [])),
    )
    const level = entry.level === logLevel.ERROR && !CHATTY.has(entry.namespace) ? "warn" : "debug"
    logger[level]({ kafka: entry.namespace, ...fields }, entry.log.message)
  }
}
