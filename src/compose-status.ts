import type { KafkaClient } from "./adapters/kafka/client-port.ts"
import { consumerLag } from "./adapters/kafka/lag.ts"
import { openKafkaClient } from "./adapters/kafka/open-client.ts"
import { assertMigrated, assertReachable } from "./adapters/postgres/check.ts"
import { closeDatabase, openDatabase } from "./adapters/postgres/client.ts"
import { createStatusSources } from "./adapters/postgres/status.ts"
import { consumedTopics } from "./bus/topics.ts"
import type { Config } from "./config.ts"
import type { Connections } from "./infrastructure.ts"
import { kafkaSettings } from "./kafka-settings.ts"
import type { GroupLag, StatusSources } from "./ops/status.ts"
import { systemClock } from "./runtime/clock.ts"
import type { Logger } from "./runtime/logger.ts"
import type { Shutdown } from "./runtime/shutdown.ts"

/** A topic that nobody made yet has nothing in it, and a group's topics are told all the same. */
export async function readGroupLags(
  kafka: KafkaClient,
  groups: Readonly<Record<string, readonly string[]>>,
): Promise<readonly GroupLag[]> {
  const lags: GroupLag[] = []
  for (const [group, topics] of Object.entries(groups)) {
    const partitions = await consumerLag(kafka, [group], topics)
    for (const topic of topics) {
      const ofTopic = partitions.filter(partition => partition.topic === topic)
      lags.push({ group, topic, messages: ofTopic.reduce((sum, { lag }) => sum + Number(lag), 0) })
    }
  }
  return lags
}

/** Opens what status is read from; closed by `shutdown`. */
export async function composeStatus(options: {
  readonly config: Config
  readonly connections: Pick<Connections, "databaseUrl" | "kafkaBrokers">
  readonly logger: Logger
  readonly shutdown: Shutdown
}): Promise<StatusSources> {
  const { config, connections, logger, shutdown } = options
  const sql = openDatabase({ url: connections.databaseUrl, max: 4, applicationName: "reconciler-status" })
  shutdown.add("status database", () => closeDatabase(sql))
  await assertReachable(sql)
  await assertMigrated(sql)
  const kafka = await openKafkaClient(
    config.kafkaClient,
    kafkaSettings(config, connections.kafkaBrokers, "caregrid-reconciler-status", logger),
    systemClock,
  )
  const groups = consumedTopics(config.topicPrefix, { answerCache: config.redisUrl !== null })
  return {
    ...createStatusSources(sql, config),
    consumerLag: () => readGroupLags(kafka, groups),
  }
}
