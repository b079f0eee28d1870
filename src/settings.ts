import { z } from "zod"
import { KAFKA_CLIENTS, SASL_MECHANISMS } from "./adapters/kafka/settings.ts"
import { MAX_WRITER_ID } from "./domain/position.ts"

export { KAFKA_CLIENTS, type KafkaClientName } from "./adapters/kafka/settings.ts"

export const EMBEDDABLE = ["postgres", "kafka", "chain"] as const
export type Embeddable = (typeof EMBEDDABLE)[number]

export const RELAY_NEWS = ["auto", "always", "never"] as const
export type RelayNews = (typeof RELAY_NEWS)[number]

export const ROLES = ["relay", "chain-writer", "projector", "write-back"] as const
export type Role = (typeof ROLES)[number]

export interface Setting {
  readonly name: string
  readonly unit: string
  readonly fallback: string
  readonly about: string
}

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]+$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine(value => value >= min && value <= max, `a whole number from ${min} to ${max}`)

const url = (protocols: readonly string[], example: string) =>
  z.string().refine(text => {
    const parsed = URL.parse(text)
    return parsed !== null && protocols.includes(parsed.protocol)
  }, `a URL such as ${example}`)

const urlList = (protocols: readonly string[], example: string) =>
  z
    .string()
    .refine(
      text => text.split(",").every(part => url(protocols, example).safeParse(part.trim()).success),
      `one URL, or several separated by commas, such as ${example}`,
    )

const list = <const Name extends string>(names: readonly Name[]) =>
  z.string().transform((text, context) => {
    const parts = text
      .split(",")
      .map(part => part.trim())
      .filter(part => part !== "")
    const unknown = parts.filter(part => !(names as readonly string[]).includes(part))
    if (unknown.length > 0) {
      context.addIssue({ code: "custom", message: `names from ${names.join(", ")}, separated by commas` })
    }
    return new Set(parts as Name[])
  })

const brokers = z
  .string()
  .transform(text => text.split(",").map(part => part.trim()))
  .refine(
    parts =>
      parts.every(part => /^[^\s:]+:[0-9]{1,5}$/.test(part) || /^\[[0-9a-f:]+\]:[0-9]{1,5}$/.test(part)),
    "host:port, several separated by commas, such as kafka-1:9092,kafka-2:9092",
  )

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address: 0x and 40 hex digits, as `reconciler deploy` prints it")

interface Entry<T> extends Omit<Setting, "name" | "fallback"> {
  readonly schema: z.ZodType<T, string>
  readonly fallback?: string
}
const entry = <T>(value: Entry<T>): Entry<T> => value

/** Every setting there is; `.env.example` and docs/configuration.md are made from this (npm run docs). */
export const settings = {
  DATABASE_URL: entry({
    schema: url(["postgres:", "postgresql:"], "postgres://reconciler@db:5432/caregrid"),
    unit: "URL",
    about: "The app's PostgreSQL (14 to 18), where the outbox is. Unset: embedded.",
  }),
  DATABASE_SSL_CA_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about:
      "PEM certificates that PostgreSQL's is checked with; DATABASE_URL must say sslmode=verify-full. Read again at each connection.",
  }),
  KAFKA_BROKERS: entry({
    schema: brokers,
    unit: "host:port list",
    about: "Apache Kafka's bootstrap brokers. Unset: embedded.",
  }),
  BLOCKCHAIN_PROVIDER_URL: entry({
    schema: urlList(["http:", "https:"], "http://node-1:8545,http://node-2:8545"),
    unit: "URL list",
    about:
      "JSON-RPC endpoints of the Ethereum chain, separated by commas: the next is asked when one fails or lags. Unset: embedded.",
  }),
  EMBEDDED: entry({
    schema: list(EMBEDDABLE),
    fallback: "",
    unit: "list",
    about:
      "Which of postgres, kafka, chain to start here, with temporary data, although another one is external. With nothing set, all three.",
  }),
  PATIENT_REGISTRY_ADDRESS: entry({
    schema: address,
    unit: "address",
    about: "PatientRegistry on that chain.",
  }),
  BLOCKED_IP_REGISTRY_ADDRESS: entry({
    schema: address,
    unit: "address",
    about: "BlockedIPRegistry on that chain.",
  }),
  ATTACK_SIGNATURE_REGISTRY_ADDRESS: entry({
    schema: address,
    unit: "address",
    about: "AttackSignatureRegistry on that chain.",
  }),
  BLOCKCHAIN_PRIVATE_KEY_FILE: entry({
    schema: z.string().min(1),
    unit: "path list",
    about:
      "Files with one private key each (0x and 64 hex digits; mode 600), or directories of such files, separated by commas: one lane a key. A file that appears in a directory, or goes, adds or ends its lane within seconds. Unset: development keys, on chain id 31337 only.",
  }),
  DEVELOPMENT_LANES: entry({
    schema: wholeNumber(1, 8),
    fallback: "2",
    unit: "lanes",
    about: "How many development accounts write when no key file is given.",
  }),
  BLOCKCHAIN_CONFIRMATIONS: entry({
    schema: z.union([z.literal("finalized"), wholeNumber(1, 1000)], "1 to 1000, or finalized"),
    fallback: "1",
    unit: "blocks",
    about:
      "How deep a transaction must be before its operations are confirmed; 1 is the block it is in; `finalized` is what the chain itself calls so.",
  }),
  BLOCKCHAIN_CONFIRMATION_TIMEOUT: entry({
    schema: wholeNumber(1, 86_400),
    fallback: "120",
    unit: "seconds",
    about: "After this a waiting transaction is reported and its fee raised. It is never forgotten.",
  }),
  BATCH_SIZE: entry({
    schema: wholeNumber(1, 1000),
    fallback: "256",
    unit: "operations",
    about: "Most operations in one transaction; gas and calldata limits may make it fewer.",
  }),
  BATCHES_IN_FLIGHT: entry({
    schema: wholeNumber(1, 64),
    fallback: "4",
    unit: "transactions",
    about: "Most unconfirmed transactions of one lane.",
  }),
  MAX_PENDING_OPERATIONS: entry({
    schema: wholeNumber(1, 10_000_000),
    fallback: "50000",
    unit: "operations",
    about: "Above this the chain writer stops taking in more from Kafka until some are final.",
  }),
  TOPIC_PREFIX: entry({
    schema: z.string().regex(/^[a-zA-Z0-9._-]{1,100}$/, "letters, digits, '.', '_' and '-', at most 100"),
    fallback: "caregrid",
    unit: "text",
    about: "First part of each topic's and consumer group's name.",
  }),
  TOPIC_PARTITIONS: entry({
    schema: wholeNumber(1, 1000),
    fallback: "3",
    unit: "partitions",
    about: "Partitions of a topic that has to be created.",
  }),
  TOPIC_REPLICATION_FACTOR: entry({
    schema: wholeNumber(1, 10),
    fallback: "1",
    unit: "replicas",
    about: "Replicas of a topic that has to be created; 3 on a real cluster.",
  }),
  KAFKA_CLIENT: entry({
    schema: z.enum(KAFKA_CLIENTS),
    fallback: "kafkajs",
    unit: "name",
    about: "Client library for Kafka: kafkajs or platformatic. Both keep the same promises.",
  }),
  KAFKA_SSL_CA_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about:
      "PEM certificates that the brokers' are checked with; set, Kafka is spoken to over TLS only. Read again at each connection.",
  }),
  KAFKA_SASL_MECHANISM: entry({
    schema: z.enum(SASL_MECHANISMS),
    unit: "name",
    about: "How to log in to Kafka: scram-sha-512, scram-sha-256, or plain (over TLS only). Unset: no login.",
  }),
  KAFKA_SASL_USERNAME: entry({
    schema: z.string().min(1),
    unit: "name",
    about: "Who logs in to Kafka.",
  }),
  KAFKA_SASL_PASSWORD_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about: "File with that user's password (mode 600).",
  }),
  KAFKA_SESSION_TIMEOUT_MS: entry({
    schema: wholeNumber(1_000, 300_000),
    fallback: "10000",
    unit: "milliseconds",
    about:
      "A consumer that gives no sign for so long loses its partitions to another. The broker bounds it too.",
  }),
  WRITER_ID: entry({
    schema: wholeNumber(0, MAX_WRITER_ID),
    unit: "number",
    about:
      "This branch's number, 0 to 1023, different for each branch that shares the chain; given by `migrate` before the first event. Unset: the database's own, 0 in a new one.",
  }),
  APP_SCHEMA: entry({
    schema: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, "a schema name in lower case"),
    fallback: "public",
    unit: "name",
    about: "Database schema of CareGrid's own tables.",
  }),
  RELAY_BATCH_SIZE: entry({
    schema: wholeNumber(1, 10_000),
    fallback: "1000",
    unit: "events",
    about: "Most events in one send to Kafka.",
  }),
  RELAY_NEWS: entry({
    schema: z.enum(RELAY_NEWS),
    fallback: "auto",
    unit: "policy",
    about:
      "Whether writers notify a relay that waits. auto: unless the server allows prepared transactions, which NOTIFY forbids; the relay polls then.",
  }),
  LEASE_MS: entry({
    schema: wholeNumber(500, 600_000),
    fallback: "5000",
    unit: "milliseconds",
    about: "How long the relay's and a lane's lease lasts; another process takes over after it.",
  }),
  LOG_RETENTION_DAYS: entry({
    schema: wholeNumber(1, 36_500),
    unit: "days",
    about:
      "A day of the event log that is over for so long, and that nobody needs any more, is archived and dropped. Unset: the log is kept for ever.",
  }),
  LOG_ARCHIVE_DIRECTORY: entry({
    schema: z.string().min(1),
    unit: "path",
    about: "Where archived days of the event log are kept, one file a day. Needed with LOG_RETENTION_DAYS.",
  }),
  LOG_ALERT_GIB: entry({
    schema: wholeNumber(1, 1_000_000),
    fallback: "50",
    unit: "GiB",
    about: "An event log that is larger on disk is a finding.",
  }),
  LOG_LEVEL: entry({
    schema: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    fallback: "info",
    unit: "level",
    about: "Least severe level that is logged.",
  }),
  LOG_FORMAT: entry({
    schema: z.enum(["auto", "json", "pretty"]),
    fallback: "auto",
    unit: "format",
    about: "auto: readable on a terminal, JSON lines elsewhere.",
  }),
} satisfies Record<string, Entry<unknown>>

export const settingList: readonly Setting[] = Object.entries(settings).map(([name, setting]) => ({
  name,
  unit: setting.unit,
  fallback: "fallback" in setting ? setting.fallback : "",
  about: setting.about,
}))
