import { consumerLag } from "./adapters/kafka/lag.ts"
import { openKafkaClient } from "./adapters/kafka/open-client.ts"
import { assertMigrated, assertReachable } from "./adapters/postgres/check.ts"
import { closeDatabase, openDatabase } from "./adapters/postgres/client.ts"
import { createStatusSources } from "./adapters/postgres/status.ts"
import { consumedTopics } from "./bus/topics.ts"
import type { Config } from "./config.ts"
import type { Connections } from "./infrastructure.ts"
import { kafkaSettings } from "./kafka-settings.ts"
import type { StatusSources } from "./ops/status.ts"
import { systemClock } from "./runtime/clock.ts"
import type { Logger } from "./runtime/logger.ts"
import type { Shutdown } from "./runtime/shutdown.ts"

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
    async consumerLag() {
      const lags: Record<string, number> = {}
      for (const [group, subscribed] of Object.entries(groups)) {
        const partitions = await consumerLag(kafka, [group], subscribed)
        lags[group] = partitions.reduce((sum, { lag }) => sum + Number(lag), 0)
      }
      return lags
    },
  }
}
