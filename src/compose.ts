import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { createLedger } from "./adapters/ethereum/ledger.ts"
import { measureGasCosts } from "./adapters/ethereum/measure-gas.ts"
import { expectedCode, operationTypes, type RegistryAddresses } from "./adapters/ethereum/registries.ts"
import { createRegistry } from "./adapters/ethereum/registry.ts"
import { createSigner } from "./adapters/ethereum/signer.ts"
import type { KafkaClient } from "./adapters/kafka/client-port.ts"
import { type EnsuredTopics, ensureTopics } from "./adapters/kafka/ensure-topics.ts"
import { openKafkaClient } from "./adapters/kafka/open-client.ts"
import { restoringTopics } from "./adapters/kafka/restore-topics.ts"
import { createBusFindings, forgetTopics } from "./adapters/postgres/bus/findings.ts"
import { createDeployments } from "./adapters/postgres/chain-writer/deployments.ts"
import { createLanes } from "./adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "./adapters/postgres/chain-writer/operation-queue.ts"
import { createTransactionLog } from "./adapters/postgres/chain-writer/transaction-log.ts"
import { assertMigrated, assertReachable, assertWriterId } from "./adapters/postgres/check.ts"
import { closeDatabase, type DatabaseOptions, openDatabase, type Sql } from "./adapters/postgres/client.ts"
import { createPostgresPartitionLog } from "./adapters/postgres/event-log/ensure-partitions.ts"
import { createReadModel } from "./adapters/postgres/projector/read-model.ts"
import { createPostgresRelayCursor } from "./adapters/postgres/relay/cursor.ts"
import { createPostgresEventSource } from "./adapters/postgres/relay/event-source.ts"
import { createPostgresRelayLetters } from "./adapters/postgres/relay/letters.ts"
import { createPostgresLogNews } from "./adapters/postgres/relay/log-news.ts"
import { createAppTables } from "./adapters/postgres/write-back/app-tables.ts"
import { allTopics, answerCacheGroup, requestTopics, type Topics, topicsWithPrefix } from "./bus/topics.ts"
import { assertActive, whileActive } from "./chain-writer/active-deployment.ts"
import { createIntake } from "./chain-writer/intake.ts"
import { createLaneWriter } from "./chain-writer/writer.ts"
import { composeAnswerCache } from "./compose-answer-cache.ts"
import { composeHttp } from "./compose-http.ts"
import { composeLogArchiver } from "./compose-log.ts"
import type { Config } from "./config.ts"
import { assertContracts, type Connections, laneKeys, laneLeaseMs, openChain } from "./infrastructure.ts"
import { kafkaSettings } from "./kafka-settings.ts"
import { createPartitionKeeper } from "./outbox/partition-keeper.ts"
import { type Parts, pipeline, type Service } from "./pipeline.ts"
import { createProjector } from "./projector/projector.ts"
import { createTtl } from "./projector/ttl.ts"
import type { EventPublisher } from "./relay/ports.ts"
import { createRelay } from "./relay/relay.ts"
import { watchPublisher } from "./relay/watched-publisher.ts"
import { createRunners } from "./run-services.ts"
import type { Clock } from "./runtime/clock.ts"
import type { Logger } from "./runtime/logger.ts"
import { createProgress } from "./runtime/progress.ts"
import type { Shutdown } from "./runtime/shutdown.ts"
import type { Role } from "./settings.ts"
import { canWriteBack, createWriteBack } from "./write-back/write-back.ts"

/** The composition root: the only file that opens the service's clients, and knows which adapter satisfies which port. */

export interface ComposeOptions {
  readonly config: Config
  readonly connections: Connections & { readonly contracts: RegistryAddresses }
  readonly roles: ReadonlySet<Role>
  readonly clock: Clock
  readonly logger: Logger
  readonly shutdown: Shutdown
  /** For fault tests: what stands between the relay and Kafka. */
  readonly aroundPublisher?: (publisher: EventPublisher) => EventPublisher
}

interface Composed extends ComposeOptions {
  readonly sql: Sql
  readonly kafka: KafkaClient
  readonly topics: Topics
  readonly restoreTopics: () => Promise<EnsuredTopics>
  /** Unique to this process: a lease is renewed by its holder only. */
  readonly holder: string
}

const DAYS_AHEAD = 7
const POOL_CONNECTIONS = 10
const TIMERS_A_PASS = 500
const WRITE_BACKS_A_PASS = 500

/** Opens the clients of these roles and gives their services. Everything opened is closed by `shutdown`. */
export async function compose(options: ComposeOptions): Promise<readonly Service[]> {
  const { config, connections, roles, shutdown, clock, logger } = options
  const sql = openPool(options, POOL_CONNECTIONS)
  await assertReachable(sql)
  await assertMigrated(sql)
  if (config.writerId !== null) await assertWriterId(sql, config.writerId)
  const kafka = await openKafkaClient(
    config.kafkaClient,
    kafkaSettings(config, connections.kafkaBrokers, "caregrid-reconciler", logger),
    clock,
  )
  const topics = topicsWithPrefix(config.topicPrefix)
  const restoreTopics = topicRestorer({ config, sql, kafka, topics, logger })
  for (const { topic, partitions } of (await restoreTopics()).mismatched) {
    logger.warn(
      { topic, partitions, configured: config.topicPartitions },
      "topic has other partitions; left as it is",
    )
  }
  const composed = {
    ...options,
    sql,
    kafka,
    topics,
    restoreTopics,
    holder: `${hostname()}:${process.pid}:${randomUUID()}`,
  }
  const parts: Parts = {
    ...(roles.has("relay") && { relay: composeRelay(composed) }),
    ...(roles.has("chain-writer") && { chainWriter: await composeChainWriter(composed) }),
    ...(roles.has("projector") && { projector: composeProjector(composed) }),
    ...(roles.has("write-back") && (await composeWriteBack(composed))),
    ...(roles.has("write-back") &&
      config.redisUrl !== null && { answerCache: answerCache(composed, config.redisUrl) }),
  }
  const subscribe = () => kafka.subscription({ sessionTimeoutMs: config.sessionTimeoutMs })
  const progress = createProgress(clock)
  const { http } = config
  if (http)
    await composeHttp({
      config,
      http,
      databaseUrl: connections.databaseUrl,
      kafka,
      progress,
      logger,
      shutdown,
    })
  return pipeline(
    parts,
    createRunners({ clock, logger, subscribe, findings: createBusFindings(sql), shutdown, progress }),
  )
}

function openPool(
  { connections, shutdown, logger }: ComposeOptions,
  max: number,
  options: Pick<DatabaseOptions, "keepsSessions"> = {},
): Sql {
  const sql = openDatabase({
    ...options,
    url: connections.databaseUrl,
    max,
    applicationName: "reconciler",
    onNotice: message => logger.debug({ message }, "database notice"),
  })
  shutdown.add("database", () => closeDatabase(sql))
  return sql
}

/** Makes the topics that are missing, and forgets what is stored of earlier ones of their names. */
function topicRestorer({
  config,
  sql,
  kafka,
  topics,
  logger,
}: Pick<Composed, "config" | "sql" | "kafka" | "topics" | "logger">): () => Promise<EnsuredTopics> {
  const shape = { partitions: config.topicPartitions, replicationFactor: config.topicReplicationFactor }
  return () =>
    ensureTopics(kafka, allTopics(topics), shape, {
      async beforeCreating(missing) {
        const forgotten = await forgetTopics(sql, missing)
        if (forgotten.length > 0) logger.error({ topics: forgotten }, "topics are gone: making them anew")
      },
    })
}

function composeRelay(composed: Composed): NonNullable<Parts["relay"]> {
  const { config, clock, logger, topics, holder, sql, shutdown, aroundPublisher = same } = composed
  const publisher = watchPublisher({
    publisher: restoringTopics(aroundPublisher(composed.kafka.publisher()), composed.restoreTopics),
    findings: createBusFindings(sql),
    clock,
    logger,
  })
  shutdown.add("Kafka producer", () => publisher.close())
  // A connection of its own: what is remembered, and that the holder lives, is true for one session.
  const session = openPool(composed, 1, { keepsSessions: true })
  const { relayNews } = config
  const relay = createRelay({
    source: createPostgresEventSource({ sql: session, clock }),
    cursor: createPostgresRelayCursor(sql, session),
    ...(relayNews !== "never" && { news: createPostgresLogNews({ sql, clock, policy: relayNews }) }),
    letters: createPostgresRelayLetters(sql),
    onPoison: config.onPoison,
    publisher,
    topics,
    clock,
    holder,
    leaseMs: config.leaseMs,
    batchSize: config.relayBatchSize,
    logger,
  })
  const partitionKeeper = createPartitionKeeper({
    log: createPostgresPartitionLog(sql),
    daysAhead: DAYS_AHEAD,
    logger,
  })
  const archiver = composeLogArchiver(composed)
  return { relay, partitionKeeper, ...(archiver && { archiver }) }
}

const same = (publisher: EventPublisher): EventPublisher => publisher

async function composeChainWriter(composed: Composed): Promise<NonNullable<Parts["chainWriter"]>> {
  const { config, connections, clock, logger, topics, holder, sql, shutdown } = composed
  const connection = await openChain(connections.blockchainProviderUrl, logger)
  shutdown.add("chain", () => connection.close())
  await assertContracts(config, connection, connections.contracts, logger)
  connection.requireCode(expectedCode(connections.contracts))
  const deployments = createDeployments(sql)
  const { genesisHash } = connection
  await assertActive(deployments, { genesisHash, contracts: connections.contracts })
  const signers = async () => {
    const keys = await laneKeys(config, connection.chainId)
    return keys.map(key => createSigner(key, connection.chainId))
  }
  const [first] = await signers()
  const gas = first && (await measureGasCosts(connection, connections.contracts.patient, first.address))
  const shared = {
    lanes: createLanes(sql),
    log: createTransactionLog(sql),
    ledger: createLedger(connection),
    registries: operationTypes.map(type =>
      whileActive(createRegistry(connection, type, connections.contracts[type]), deployments),
    ),
    clock,
    logger,
    holder,
    leaseMs: laneLeaseMs(config),
    maxRecords: config.batchSize,
    maxInFlight: config.batchesInFlight,
    confirmations: config.confirmations,
    stuckMs: config.confirmationTimeoutMs,
    ...(gas && { gas }),
  }
  const intake = createIntake({
    queue: createOperationQueue(sql, config),
    maxPendingOperations: config.maxPendingOperations,
  })
  return {
    intake: {
      groupId: `${config.topicPrefix}.chain-writer`,
      topics: requestTopics(topics),
      offsets: intake,
      handle: batch => intake.handle(batch),
      overloaded: () => intake.overloaded(),
    },
    lanes: { signers, newWriter: signer => createLaneWriter({ ...shared, signer }) },
  }
}

function composeProjector({ config, clock, sql, topics }: Composed): NonNullable<Parts["projector"]> {
  const readModel = createReadModel(sql)
  return {
    projector: createProjector({ readModel, topics, groupId: `${config.topicPrefix}.projector` }),
    ttl: createTtl({ readModel, clock, batchSize: TIMERS_A_PASS }),
  }
}

function answerCache(composed: Composed, redisUrl: string): NonNullable<Parts["answerCache"]> {
  return composeAnswerCache({ ...composed, redisUrl, groupId: answerCacheGroup(composed.config.topicPrefix) })
}

async function composeWriteBack({
  config,
  sql,
  topics,
  logger,
}: Composed): Promise<Pick<Parts, "writeBack">> {
  const appTables = createAppTables(sql, { appSchema: config.appSchema })
  if (!(await canWriteBack(appTables, logger))) return {}
  const groupId = `${config.topicPrefix}.write-back`
  return { writeBack: createWriteBack({ appTables, topics, groupId, batchSize: WRITE_BACKS_A_PASS }) }
}
