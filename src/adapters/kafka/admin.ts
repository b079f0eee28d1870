import type { Admin, ITopicMetadata } from "kafkajs"
import { type Clock, systemClock } from "../../runtime/clock.ts"
import { UnavailableError } from "../../runtime/errors.ts"
import { createKafkaClient, type KafkaSettings } from "./client.ts"
import { isTransient, protocolErrorType } from "./errors.ts"

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

export interface PartitionBounds {
  readonly topic: string
  readonly partition: number
  /** The oldest offset the broker still has. */
  readonly low: bigint
  /** The offset of the next message to be written. */
  readonly high: bigint
}

const TRIES = 20
const TRY_AGAIN_MS = 100

/** A new topic's broker leads it a moment after it is known, and leaders change; kafkajs gives up at the first no. */
export async function partitionBounds(
  admin: Admin,
  topics: readonly string[],
  clock: Clock = systemClock,
): Promise<readonly PartitionBounds[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      const bounds: PartitionBounds[] = []
      for (const topic of topics) {
        for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
          bounds.push({ topic, partition, low: BigInt(low), high: BigInt(high) })
        }
      }
      return bounds
    } catch (error) {
      if (tries === TRIES || !isTransient(error)) throw error
      await admin.fetchTopicMetadata({ topics: [...topics] }).catch(() => undefined)
      await clock.sleep(TRY_AGAIN_MS)
    }
  }
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
  clock: Clock = systemClock,
): Promise<EnsuredTopics> {
  return withAdmin(settings, async admin => {
    const standing = new Set(await admin.listTopics())
    const created = topics.filter(topic => !standing.has(topic))
    if (created.length > 0) await createTopics(admin, created, shape)
    const found = await untilLed(admin, topics, clock)
    if (created.length > 0) await partitionBounds(admin, created, clock)
    const partitionsOf = new Map(found.map(({ name, partitions }) => [name, partitions.length]))
    const mismatched = topics
      .map(topic => ({ topic, partitions: partitionsOf.get(topic) ?? 0 }))
      .filter(({ partitions }) => partitions !== shape.partitions)
    return { created, mismatched }
  })
}

const LEADERS_WITHIN_MS = 15_000

/** A new topic is unknown to a broker for a moment; kafkajs's own wait takes that for a failure. */
async function untilLed(admin: Admin, topics: readonly string[], clock: Clock): Promise<ITopicMetadata[]> {
  const deadlineMs = clock.nowMs() + LEADERS_WITHIN_MS
  for (;;) {
    const found = await describe(admin, topics)
    if (found?.every(topic => topic.partitions.every(({ leader }) => leader >= 0))) return found
    if (clock.nowMs() > deadlineMs) {
      throw new UnavailableError(
        `Kafka has no leader for the topics ${topics.join(", ")} after ${LEADERS_WITHIN_MS / 1000} s: see that enough brokers run`,
      )
    }
    await clock.sleep(50)
  }
}

/** Null while one of them is unknown. */
async function describe(admin: Admin, topics: readonly string[]): Promise<ITopicMetadata[] | null> {
  const standing = new Set(await admin.listTopics())
  if (!topics.every(topic => standing.has(topic))) return null
  try {
    return (await admin.fetchTopicMetadata({ topics: [...topics] })).topics
  } catch (error) {
    const type = protocolErrorType(error)
    if (type === "UNKNOWN_TOPIC_OR_PARTITION" || type === "LEADER_NOT_AVAILABLE") return null
    throw error
  }
}

async function createTopics(admin: Admin, topics: readonly string[], shape: TopicShape): Promise<void> {
  // With three replicas one may be down: two of them still make an acknowledged event survive the next failure.
  const inSync = shape.replicationFactor >= 3 ? 2 : 1
  try {
    await admin.createTopics({
      waitForLeaders: false,
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
