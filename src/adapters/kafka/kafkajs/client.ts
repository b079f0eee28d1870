import { Kafka, logLevel } from "kafkajs"
import type { Logger } from "../../../runtime/logger.ts"
import {
  CONNECTION_TIMEOUT_MS,
  type KafkaSasl,
  type KafkaSettings,
  type KafkaTls,
  REQUEST_TIMEOUT_MS,
} from "../settings.ts"

/**
 * Each adapter makes its own client: kafkajs keeps a group's offsets per client.
 * `retries` bounds how long one call insists; whoever calls tries again by itself, and can be stopped.
 */
export function createKafkaClient(settings: KafkaSettings, retries: number): Kafka {
  const { tls, sasl } = settings
  return new Kafka({
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    ...(tls === undefined ? {} : { ssl: tlsOptions(tls) }),
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

/** kafkajs copies these options at every connection, which is when the getter reads the file. */
function tlsOptions({ ca }: KafkaTls) {
  return {
    get ca() {
      return ca()
    },
  }
}

function saslOptions({ mechanism, username, password }: KafkaSasl) {
  const login = { username, password: password() }
  switch (mechanism) {
    case "plain":
      return { mechanism, ...login } as const
    case "scram-sha-256":
      return { mechanism, ...login } as const
    case "scram-sha-512":
      return { mechanism, ...login } as const
  }
}

/** Fields that name neither a key nor a value of a message. */
const LOGGED = ["error", "broker", "groupId", "topic", "partition", "retryCount"] as const

/** These tell of every try during an outage, which the callers report once. */
const CHATTY = new Set(["Connection", "BrokerPool", "Producer", "Cluster", "Consumer"])

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
