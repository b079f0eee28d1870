import { randomBytes } from "node:crypto"
import type { KafkaClientName } from "../../../src/adapters/kafka/settings.ts"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { createStatusSources } from "../../../src/adapters/postgres/status.ts"
import { allTopics, type Topics, topicsWithPrefix } from "../../../src/bus/topics.ts"
import { compose } from "../../../src/compose.ts"
import { readConfig } from "../../../src/config.ts"
import { type Subject, subjectBytes } from "../../../src/domain/subject.ts"
import { runServices } from "../../../src/run-services.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { createShutdown } from "../../../src/runtime/shutdown.ts"
import { anySubject } from "../event-builders.ts"
import { until } from "../until.ts"
import { consumePositions } from "./published.ts"

const NO_CHAIN = "http://127.0.0.1:1"
const NO_CONTRACT = `0x${"1".repeat(40)}`

export interface RelayRun {
  readonly topics: Topics
  /** Events of the log not published yet. */
  waiting(): Promise<number>
  /** Waits until all is published; the milliseconds it took. */
  caughtUp(deadlineMs?: number): Promise<number>
  stop(): Promise<void>
}

/** The relay as the service composes it, in this process, between a real database and a real (or proxied) broker. */
export async function startRelayRun(options: {
  readonly sql: Sql
  readonly databaseUrl: string
  readonly brokers: readonly string[]
  readonly client: KafkaClientName
  readonly settings?: Readonly<Record<string, string>>
}): Promise<RelayRun> {
  const config = readConfig({
    DATABASE_URL: options.databaseUrl,
    KAFKA_BROKERS: options.brokers.join(","),
    KAFKA_CLIENT: options.client,
    BLOCKCHAIN_PROVIDER_URL: NO_CHAIN,
    PATIENT_REGISTRY_ADDRESS: NO_CONTRACT,
    BLOCKED_IP_REGISTRY_ADDRESS: NO_CONTRACT,
    ATTACK_SIGNATURE_REGISTRY_ADDRESS: NO_CONTRACT,
    TOPIC_PREFIX: `fault-${randomBytes(6).toString("hex")}`,
    RELAY_BATCH_SIZE: "50",
    LEASE_MS: "2000",
    LOG_LEVEL: "silent",
    ...options.settings,
  })
  const shutdown = createShutdown()
  const stopping = new AbortController()
  const contracts = { patient: "0x0", "ip-block": "0x0", "attack-signature": "0x0" } as const
  const services = await compose({
    config,
    connections: {
      databaseUrl: options.databaseUrl,
      kafkaBrokers: options.brokers,
      blockchainProviderUrl: NO_CHAIN,
      contracts,
    },
    roles: new Set(["relay"]),
    clock: systemClock,
    logger: silentLogger,
    shutdown,
  }).catch(async error => {
    await shutdown.close()
    throw error
  })
  const ended = runServices(services, stopping.signal)
  ended.catch(() => undefined)
  const status = createStatusSources(options.sql)
  const waiting = async () => (await status.relay()).waiting
  return {
    topics: topicsWithPrefix(config.topicPrefix),
    waiting,
    async caughtUp(deadlineMs = 30_000) {
      const startedMs = performance.now()
      // A connection may learn only now that its server was away.
      const left = () => waiting().catch(() => Number.POSITIVE_INFINITY)
      await until(left, count => count === 0, deadlineMs)
      return Math.round(performance.now() - startedMs)
    },
    async stop() {
      stopping.abort()
      try {
        await ended
      } finally {
        await shutdown.close()
      }
    },
  }
}

/** Some 300 a second, which the relay can follow with small batches too. */
const PACE_MS = 2
const PACE_AFTER_FAILURE_MS = 20

/** Appends one event a transaction, one after the other, for a few subjects, until told to stop; a failed one is tried again. */
export function startWriter(sql: Sql, subjects = Array.from({ length: 7 }, anySubject)) {
  const stopping = new AbortController()
  let appended = 0
  const writing = (async () => {
    while (!stopping.signal.aborted) {
      const subject = subjects[appended % subjects.length] ?? anySubject()
      const done = await appendOne(sql, subject).catch(() => false)
      if (done) appended += 1
      await systemClock.sleep(done ? PACE_MS : PACE_AFTER_FAILURE_MS, stopping.signal)
    }
  })()
  return {
    appended: () => appended,
    async stop(): Promise<number> {
      stopping.abort()
      await writing
      return appended
    },
  }
}

async function appendOne(sql: Sql, subject: Subject): Promise<boolean> {
  await sql`select reconciler.append('unblock-ip.requested', ${subjectBytes(subject)}, '{}'::jsonb)`
  return true
}

export interface Delivery {
  readonly logged: number
  readonly delivered: number
  /** In the log, and not in Kafka. */
  readonly lost: readonly bigint[]
  /** Of a subject, first seen after a later one of it. */
  readonly inverted: readonly bigint[]
}

/** Compares the log with what stands in Kafka, read past every proxy. Consumers know an event by its id: repeats are fine. */
export async function judgeDelivery(sql: Sql, topics: Topics, brokers: readonly string[]): Promise<Delivery> {
  const rows = await sql<{ seq: bigint }[]>`select seq from reconciler.outbox order by seq`
  const messages = await consumePositions(brokers, allTopics(topics))
  const seen = new Set<bigint>()
  const highest = new Map<string, bigint>()
  const inverted: bigint[] = []
  for (const { subject, position } of messages) {
    if (seen.has(position)) continue
    seen.add(position)
    if (position < (highest.get(subject) ?? 0n)) inverted.push(position)
    else highest.set(subject, position)
  }
  const lost = rows.map(({ seq }) => seq).filter(seq => !seen.has(seq))
  return { logged: rows.length, delivered: messages.length, lost, inverted }
}
