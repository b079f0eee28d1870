import type { Admin } from "kafkajs"
import { UnavailableError } from "../../runtime/errors.ts"
import { createKafkaClient, type KafkaSettings } from "./client.ts"

const RETRIES = 2

/** Connects, runs and disconnects. Throws UnavailableError when no broker answers. */
export async function withAdmin<T>(settings: KafkaSettings, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = createKafkaClient(settings, RETRIES).admin()
  try {
    await admin.connect()
  } catch (error) {
    await admin.disconnect()
    throw unreachable(settings, error)
  }
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

function unreachable(settings: KafkaSettings, cause: unknown): UnavailableError {
  return new UnavailableError(
    `Kafka does not answer at ${settings.brokers.join(", ")}: see that the broker runs and that KAFKA_BROKERS names it`,
    { cause },
  )
}

/** The oldest offset the broker still has, by `topic/partition`. */
export function oldestOffsets(
  settings: KafkaSettings,
  topics: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  return withAdmin(settings, async admin => {
    const oldest = new Map<string, bigint>()
    for (const topic of topics) {
      for (const { partition, low } of await admin.fetchTopicOffsets(topic)) {
        oldest.set(`${topic}/${partition}`, BigInt(low))
      }
    }
    return oldest
  })
}

export interface TopicShape {
  readonly partitions: number
  readonly replicationFactor: number
}

export interface EnsuredTopics {
  readonly created: readonly string[]
  /** Topics that stand with another number of partitions. Left as they are: a key would change its partition. */
  readonly mismatched: readonly { readonly topic: string; readonly partitions: number }[]
}

/** Creates the topics that are missing. Safe to run at every start and from several processes at once. */
export function ensureTopics(
  settings: KafkaSettings,
  topics: readonly string[],
  shape: TopicShape,
): Promise<EnsuredTopics> {
  return withAdmin(settings, async admin => {
    const standing = new Set(await admin.listTopics())
    const created = topics.filter(topic => !standing.has(topic))
    if (created.length > 0) await createTopics(admin, created, shape)
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] })
    const mismatched = found
      .map(({ name, partitions }) => ({ topic: name, partitions: partitions.length }))
      .filter(({ partitions }) => partitions !== shape.partitions)
    return { created, mismatched }
  })
}

async function createTopics(admin: Admin, topics: readonly string[], shape: TopicShape): Promise<void> {
  // With three replicas one may be down: two of them still make an acknowledged event survive the next failure.
  const inSync = shape.replicationFactor >= 3 ? 2 : 1
  try {
    await admin.createTopics({
      topics: topics.map(topic => ({
        topic,
        numPartitions: shape.partitions,
        replicationFactor: shape.replicationFactor,
        configEntries: [
          { name: "cleanup.policy", value: "delete" },
          { name: "min.insync.replicas", value: String(inSync) },
        ],
      })),
    })
  } catch (cause) {
    throw new UnavailableError(
      `Kafka did not create the topics ${topics.join(", ")} with ${shape.partitions} partitions and ` +
        `${shape.replicationFactor} replicas: ${refusals(cause)}; create them by hand or mend TOPIC_PARTITIONS and TOPIC_REPLICATION_FACTOR`,
      { cause },
    )
  }
}

function refusals(error: unknown): string {
  const errors =
    error instanceof Error && "errors" in error && Array.isArray(error.errors) ? error.errors : []
  const messages = [error, ...errors].flatMap(one =>
    one instanceof Error && one.message !== "" ? [one.message] : [],
  )
  return [...new Set(messages)].join(", ")
}
