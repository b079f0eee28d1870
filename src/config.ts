import type { z } from "zod"
import type { KafkaClientName, KafkaSasl } from "./adapters/kafka/settings.ts"
import { type HttpConfig, httpConfig } from "./config-http.ts"
import { type SignerConfig, signerConfig } from "./config-signer.ts"
import type { PoisonPolicy } from "./domain/order.ts"
import { ConfigurationError } from "./runtime/errors.ts"
import {
  EMBEDDABLE,
  type Embeddable,
  type PatientKey,
  type RelayNews,
  type SubjectHashing,
  settings,
} from "./settings.ts"

/** The only file that reads the environment. Read once, checked whole, frozen. */

export interface ContractAddresses {
  readonly patient: string
  readonly "ip-block": string
  readonly "attack-signature": string
}

export interface Config {
  /** What this process starts by itself, with temporary data. */
  readonly embedded: ReadonlySet<Embeddable>
  /** With `sslrootcert` where the server's certificate is checked with a file. */
  readonly databaseUrl: string | null
  readonly kafkaBrokers: readonly string[] | null
  readonly blockchainProviderUrl: string | null
  readonly contracts: ContractAddresses | null
  readonly privateKeyFiles: readonly string[]
  /** Null: all lanes' keys are in files. */
  readonly remoteSigner: SignerConfig | null
  readonly developmentLanes: number
  /** Blocks, or what the chain itself calls final. */
  readonly confirmations: number | "finalized"
  readonly confirmationTimeoutMs: number
  readonly batchSize: number
  readonly batchesInFlight: number
  readonly maxPendingOperations: number
  readonly topicPrefix: string
  readonly topicPartitions: number
  readonly topicReplicationFactor: number
  readonly kafkaClient: KafkaClientName
  /** Null: Kafka is spoken to without TLS. */
  readonly kafkaSslCaFile: string | null
  readonly kafkaSasl: (Pick<KafkaSasl, "mechanism" | "username"> & { readonly passwordFile: string }) | null
  readonly sessionTimeoutMs: number
  /** Null: whatever the database has. */
  readonly writerId: number | null
  readonly appSchema: string
  readonly subjectHashing: SubjectHashing
  readonly subjectKeyFile: string | null
  /** Which of a patient's two keys the app's own hashes stand for. */
  readonly patientKey: PatientKey
  /** Null: the app's cached answers are left to run out. */
  readonly redisUrl: string | null
  readonly relayBatchSize: number
  readonly onPoison: PoisonPolicy
  readonly relayNews: RelayNews
  readonly leaseMs: number
  /** Null: the event log is kept for ever. */
  readonly logRetentionDays: number | null
  readonly logArchiveDirectory: string | null
  readonly logAlertBytes: number
  readonly unpublishedAlertMs: number
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent"
  readonly logFormat: "auto" | "json" | "pretty"
  /** Null: the service answers nothing over HTTP. */
  readonly http: HttpConfig | null
}

type SettingName = keyof typeof settings
type Values = { [Name in SettingName]?: z.output<(typeof settings)[Name]["schema"]> }

export type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigNeeds {
  /** False for `deploy`, which is what makes the contracts. */
  readonly contracts: boolean
  /** The servers the command talks to; the others may stay unset. All by default. */
  readonly servers?: readonly Embeddable[]
}

/** Throws one ConfigurationError (exit code 78) that names every fault and its remedy. Values are never shown: a URL holds a password. */
export function readConfig(
  environment: Environment = process.env,
  needs: ConfigNeeds = { contracts: true },
): Config {
  const faults: string[] = []
  const values = parseAll(environment, faults)
  const external = externalServices(values, needs.servers ?? EMBEDDABLE, faults)
  const contracts = contractAddresses(values, external, needs, faults)
  const databaseUrl = databaseUrlWithTls(values, faults)
  const kafkaSasl = kafkaLogin(values, external, faults)
  if (values.LOG_RETENTION_DAYS !== undefined && values.LOG_ARCHIVE_DIRECTORY === undefined) {
    faults.push(
      "LOG_ARCHIVE_DIRECTORY is missing: LOG_RETENTION_DAYS takes days out of the log, and they go there",
    )
  }
  const http = httpConfig(values, faults)
  const remoteSigner = signerConfig(values, faults)
  if (faults.length > 0) {
    throw new ConfigurationError(
      `The configuration is not usable:\n${faults.map(fault => `  - ${fault}`).join("\n")}`,
    )
  }
  return toConfig(values, external, { contracts, databaseUrl, kafkaSasl, http, remoteSigner })
}

function parseAll(environment: Environment, faults: string[]): Values {
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(settings)) {
    const text = environment[name] || ("fallback" in setting ? setting.fallback : undefined)
    if (text === undefined) continue
    const parsed = setting.schema.safeParse(text)
    if (parsed.success) values[name] = parsed.data
    else
      faults.push(
        `${name}: must be ${parsed.error.issues[0]?.message ?? "something else"} (${setting.about})`,
      )
  }
  return values as Values
}

const externalSetting = {
  postgres: "DATABASE_URL",
  kafka: "KAFKA_BROKERS",
  chain: "BLOCKCHAIN_PROVIDER_URL",
} as const satisfies Record<Embeddable, SettingName>

/** A forgotten variable must never confirm patients on a throwaway chain: all external, or each embedded one named. */
function externalServices(
  values: Values,
  needed: readonly Embeddable[],
  faults: string[],
): ReadonlySet<Embeddable> {
  const embedded = values.EMBEDDED ?? new Set<Embeddable>()
  const external = new Set(EMBEDDABLE.filter(service => values[externalSetting[service]] !== undefined))
  for (const service of external) {
    if (!embedded.has(service)) continue
    faults.push(`EMBEDDED names ${service}, but ${externalSetting[service]} is set: remove one of them`)
  }
  if (external.size === 0 && embedded.size === 0) return external
  for (const service of needed) {
    if (external.has(service) || embedded.has(service)) continue
    faults.push(
      `${externalSetting[service]} is missing while others are set: set it, or name ${service} in EMBEDDED to use a throwaway one`,
    )
  }
  return external
}

const contractSettings = {
  patient: "PATIENT_REGISTRY_ADDRESS",
  "ip-block": "BLOCKED_IP_REGISTRY_ADDRESS",
  "attack-signature": "ATTACK_SIGNATURE_REGISTRY_ADDRESS",
} as const satisfies Record<keyof ContractAddresses, SettingName>

function contractAddresses(
  values: Values,
  external: ReadonlySet<Embeddable>,
  needs: ConfigNeeds,
  faults: string[],
): ContractAddresses | null {
  const set = Object.values(contractSettings).filter(name => values[name] !== undefined)
  if (!external.has("chain")) {
    for (const name of set) {
      faults.push(
        `${name} is set, but the chain is embedded and gets new contracts: set BLOCKCHAIN_PROVIDER_URL too`,
      )
    }
    return null
  }
  if (needs.contracts) {
    for (const name of Object.values(contractSettings)) {
      if (values[name] === undefined)
        faults.push(`${name} is missing: run \`reconciler deploy\` and set what it prints`)
    }
  }
  const { patient, "ip-block": ipBlock, "attack-signature": signature } = contractSettings
  const [p, i, s] = [values[patient], values[ipBlock], values[signature]]
  return p && i && s ? { patient: p, "ip-block": i, "attack-signature": s } : null
}

/** libpq keeps the file in the URL as `sslrootcert`, and so does whoever opens the database here. */
function databaseUrlWithTls(values: Values, faults: string[]): string | null {
  const { DATABASE_URL: url, DATABASE_SSL_CA_FILE: file } = values
  if (file === undefined) return url ?? null
  const parsed = URL.parse(url ?? "")
  if (!parsed) {
    faults.push("DATABASE_SSL_CA_FILE is set, but DATABASE_URL is not: set it, or remove the file")
    return null
  }
  if (parsed.searchParams.get("sslmode") !== "verify-full") {
    faults.push(
      "DATABASE_SSL_CA_FILE is set, but DATABASE_URL does not say sslmode=verify-full: without that the server's certificate is not checked",
    )
  }
  parsed.searchParams.set("sslrootcert", file)
  return parsed.href
}

function kafkaLogin(
  values: Values,
  external: ReadonlySet<Embeddable>,
  faults: string[],
): Config["kafkaSasl"] {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username } = values
  const passwordFile = values.KAFKA_SASL_PASSWORD_FILE
  const parts = {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username,
    KAFKA_SASL_PASSWORD_FILE: passwordFile,
  }
  const missing = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [name] : []))
  const isSecured = missing.length < 3 || values.KAFKA_SSL_CA_FILE !== undefined
  if (isSecured && !external.has("kafka")) {
    faults.push("KAFKA_SSL_CA_FILE and KAFKA_SASL_* are for a Kafka of your own: set KAFKA_BROKERS too")
  }
  if (missing.length === 3) return null
  for (const name of missing)
    faults.push(`${name} is missing: a login to Kafka needs all three KAFKA_SASL_* settings`)
  if (mechanism === "plain" && values.KAFKA_SSL_CA_FILE === undefined) {
    faults.push(
      "KAFKA_SASL_MECHANISM is plain, which shows the password to the network: set KAFKA_SSL_CA_FILE too",
    )
  }
  if (!mechanism || !username || !passwordFile) return null
  return { mechanism, username, passwordFile }
}

/** The app itself has host, port and database number as settings of its own. */
function redisUrl(values: Values): string | null {
  if (values.REDIS_URL !== undefined) return values.REDIS_URL
  if (values.REDIS_HOST === undefined) return null
  return `redis://${values.REDIS_HOST}:${required(values, "REDIS_PORT")}/${required(values, "REDIS_DB")}`
}

/** parseAll leaves no setting with a fallback out, unless it reported a fault. */
function required<Name extends SettingName>(values: Values, name: Name): NonNullable<Values[Name]> {
  const value = values[name]
  if (value === undefined || value === null) throw new Error(`setting ${name} has no value and no fault`)
  return value
}

function toConfig(
  values: Values,
  external: ReadonlySet<Embeddable>,
  composed: Pick<Config, "contracts" | "databaseUrl" | "kafkaSasl" | "http" | "remoteSigner">,
): Config {
  return Object.freeze({
    embedded: new Set(EMBEDDABLE.filter(service => !external.has(service))),
    kafkaBrokers: values.KAFKA_BROKERS ?? null,
    blockchainProviderUrl: values.BLOCKCHAIN_PROVIDER_URL ?? null,
    ...composed,
    privateKeyFiles: (values.BLOCKCHAIN_PRIVATE_KEY_FILE ?? "")
      .split(",")
      .map(path => path.trim())
      .filter(path => path !== ""),
    developmentLanes: required(values, "DEVELOPMENT_LANES"),
    confirmations: required(values, "BLOCKCHAIN_CONFIRMATIONS"),
    confirmationTimeoutMs: required(values, "BLOCKCHAIN_CONFIRMATION_TIMEOUT") * 1000,
    batchSize: required(values, "BATCH_SIZE"),
    batchesInFlight: required(values, "BATCHES_IN_FLIGHT"),
    maxPendingOperations: required(values, "MAX_PENDING_OPERATIONS"),
    topicPrefix: required(values, "TOPIC_PREFIX"),
    topicPartitions: required(values, "TOPIC_PARTITIONS"),
    topicReplicationFactor: required(values, "TOPIC_REPLICATION_FACTOR"),
    kafkaSslCaFile: values.KAFKA_SSL_CA_FILE ?? null,
    kafkaClient: required(values, "KAFKA_CLIENT"),
    sessionTimeoutMs: required(values, "KAFKA_SESSION_TIMEOUT_MS"),
    writerId: values.WRITER_ID ?? null,
    appSchema: required(values, "APP_SCHEMA"),
    subjectHashing: required(values, "SUBJECT_HASHING"),
    subjectKeyFile: values.SUBJECT_KEY_FILE ?? null,
    patientKey: required(values, "PATIENT_KEY"),
    redisUrl: redisUrl(values),
    relayBatchSize: required(values, "RELAY_BATCH_SIZE"),
    onPoison: required(values, "ON_POISON"),
    relayNews: required(values, "RELAY_NEWS"),
    leaseMs: required(values, "LEASE_MS"),
    logRetentionDays: values.LOG_RETENTION_DAYS ?? null,
    logArchiveDirectory: values.LOG_ARCHIVE_DIRECTORY ?? null,
    logAlertBytes: required(values, "LOG_ALERT_GIB") * 2 ** 30,
    unpublishedAlertMs: required(values, "UNPUBLISHED_ALERT_SECONDS") * 1000,
    logLevel: required(values, "LOG_LEVEL"),
    logFormat: required(values, "LOG_FORMAT"),
  })
}

/** The launcher's process id, if this process was started by `src/launch.mjs`; it goes when the launcher goes. */
export function launcherPid(environment: Environment = process.env): number | null {
  const pid = Number(environment.RECONCILER_PARENT_PID)
  return Number.isInteger(pid) && pid > 1 ? pid : null
}
