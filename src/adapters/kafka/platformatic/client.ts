import { isIP } from "node:net"
import type { BaseOptions } from "@platformatic/kafka"
import { CONNECTION_TIMEOUT_MS, type KafkaSettings, type KafkaTls, REQUEST_TIMEOUT_MS } from "../settings.ts"

const MECHANISMS = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const

/** `retries` bounds how long one call insists; whoever calls tries again by itself, and can be stopped. */
export function clientOptions(settings: KafkaSettings, retries: number): BaseOptions {
  const { tls, sasl } = settings
  return {
    clientId: settings.clientId,
    bootstrapBrokers: [...settings.brokers],
    connectTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retries,
    retryDelay: (_client, _operation, attempt) => Math.min(2_000, 100 * 2 ** (attempt - 1)),
    ...(tls && {
      tls: tlsOptions(tls),
      // Named for brokers behind a TLS router; an address cannot be one.
      tlsServerName: settings.brokers.every(broker => isIP(broker.slice(0, broker.lastIndexOf(":"))) === 0),
    }),
    ...(sasl && {
      sasl: {
        mechanism: MECHANISMS[sasl.mechanism],
        username: sasl.username,
        password: () => sasl.password(),
      },
    }),
  }
}

/** Copied at every connection, which is when the getter reads the file. */
function tlsOptions({ ca }: KafkaTls) {
  return {
    get ca() {
      return ca()
    },
  }
}
