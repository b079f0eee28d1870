import { createArchiveFiles } from "./adapters/files/archive-files.ts"
import type { KafkaClient } from "./adapters/kafka/client-port.ts"
import { consumerLag } from "./adapters/kafka/lag.ts"
import { openKafkaClient } from "./adapters/kafka/open-client.ts"
import { assertMigrated, assertReachable } from "./adapters/postgres/check.ts"
import { closeDatabase, openDatabase, type Sql } from "./adapters/postgres/client.ts"
import { createArchivableLog } from "./adapters/postgres/log-archive/archivable-log.ts"
import { readGroupsBehind } from "./adapters/postgres/log-archive/groups-behind.ts"
import { consumedTopics } from "./bus/topics.ts"
import type { Config } from "./config.ts"
import type { Connections } from "./infrastructure.ts"
import { kafkaSettings } from "./kafka-settings.ts"
import { createPartitionArchiver, type PartitionArchiver } from "./outbox/archive-partition.ts"
import type { ArchivableLog, ArchiveFiles, ConsumerProgress } from "./outbox/archive-ports.ts"
import { createLogArchiver } from "./outbox/log-archiver.ts"
import type { Clock } from "./runtime/clock.ts"
import { ConfigurationError } from "./runtime/errors.ts"
import type { Logger } from "./runtime/logger.ts"
import type { Shutdown } from "./runtime/shutdown.ts"
import type { Stage } from "./runtime/ticker.ts"

/** What the commands on the log's days work with. */
export interface LogTools {
  readonly log: ArchivableLog
  readonly retentionDays: number | null
  /** Both throw ConfigurationError when there is no archive directory. */
  files(): ArchiveFiles
  archiver(): PartitionArchiver
}

/** Opens what the commands need; closed by `shutdown`. */
export async function composeLog(options: {
  readonly config: Config
  readonly connections: Pick<Connections, "databaseUrl" | "kafkaBrokers">
  readonly clock: Clock
  readonly logger: Logger
  readonly shutdown: Shutdown
}): Promise<LogTools> {
  const { config, connections, clock, logger, shutdown } = options
  const sql = openDatabase({ url: connections.databaseUrl, max: 2, applicationName: "reconciler-log" })
  shutdown.add("log database", () => closeDatabase(sql))
  await assertReachable(sql)
  await assertMigrated(sql)
  const settings = kafkaSettings(config, connections.kafkaBrokers, "caregrid-reconciler-log", logger)
  const kafka = await openKafkaClient(config.kafkaClient, settings, clock)
  const log = createArchivableLog(sql)
  const consumers = consumerProgress(sql, kafka, config.topicPrefix)
  const files = () => {
    if (config.logArchiveDirectory !== null) return createArchiveFiles(config.logArchiveDirectory)
    throw new ConfigurationError("LOG_ARCHIVE_DIRECTORY is missing: set it to where archives are kept.")
  }
  return {
    log,
    retentionDays: config.logRetentionDays,
    files,
    archiver: () => createPartitionArchiver({ log, files: files(), consumers, clock }),
  }
}

/** The stage that takes old days out of the log; null where the log is kept for ever. */
export function composeLogArchiver(options: {
  readonly config: Config
  readonly sql: Sql
  readonly kafka: KafkaClient
  readonly clock: Clock
  readonly logger: Logger
}): Stage | null {
  const { config, sql, kafka, clock, logger } = options
  if (config.logRetentionDays === null || config.logArchiveDirectory === null) return null
  return createLogArchiver({
    log: createArchivableLog(sql),
    files: createArchiveFiles(config.logArchiveDirectory),
    consumers: consumerProgress(sql, kafka, config.topicPrefix),
    clock,
    logger,
    retentionDays: config.logRetentionDays,
  })
}

function consumerProgress(sql: Sql, kafka: KafkaClient, topicPrefix: string): ConsumerProgress {
  return {
    async ends() {
      const groups = Object.entries(consumedTopics(topicPrefix, { answerCache: true }))
      const lags = await Promise.all(groups.map(([group, topics]) => consumerLag(kafka, [group], topics)))
      return (
        lags
          .flat()
          // Nothing was ever there for the group, or retention took it before the group came.
          .filter(({ lag, committed }) => lag > 0n || committed !== null)
          .map(({ groupId, topic, partition, endOffset }) => ({
            groupId,
            topic,
            partition,
            offset: endOffset,
          }))
      )
    },
    behind: ends => readGroupsBehind(sql, ends),
  }
}
