import type { Admin } from "kafkajs"
import { systemClock } from "../../../runtime/clock.ts"
import { type KafkaAdmin, type PartitionBounds, topicConfig } from "../client-port.ts"
import { refused, unusable } from "../connection-fault.ts"
import type { KafkaSettings } from "../settings.ts"
import { createKafkaClient } from "./client.ts"
import { isTransient, protocolErrorType } from "./errors.ts"

const RETRIES = 2

/** Connects, runs and disconnects. Throws an OperatorError when no broker answers or it refuses the login. */
export async function withAdmin<T>(settings: KafkaSettings, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = createKafkaClient(settings, RETRIES).admin()
  try {
    await admin.connect()
  } catch (error) {
    await admin.disconnect()
    throw unusable(settings, error)
  }
  try {
    return await use(admin)
  } catch (error) {
    throw refused(settings, error)
  } finally {
    await admin.disconnect()
  }
}

export function toKafkaAdmin(admin: Admin): KafkaAdmin {
  return {
    listTopics: () => admin.listTopics(),
    async createTopics(topics, shape) {
      await admin.createTopics({
        // kafkajs's own wait takes a topic that is unknown for a moment for a failure.
        waitForLeaders: false,
        topics: topics.map(topic => ({
          topic,
          numPartitions: shape.partitions,
          replicationFactor: shape.replicationFactor,
          configEntries: topicConfig(shape),
        })),
      })
    },
    leaders: topics => leaders(admin, topics),
    bounds: topics => partitionBounds(admin, topics),
    async committed(groupId, bounds) {
      const topics = [...new Set(bounds.map(({ topic }) => topic))]
      const offsets = new Map<string, bigint>()
      if (topics.length === 0) return offsets
      const fetched = await whileTransient(admin, topics, () => admin.fetchOffsets({ groupId, topics }))
      for (const { topic, partitions } of fetched) {
        for (const { partition, offset } of partitions) {
          if (BigInt(offset) >= 0n) offsets.set(`${topic}/${partition}`, BigInt(offset))
        }
      }
      return offsets
    },
  }
}

/** Null while one of them is unknown. */
async function leaders(admin: Admin, topics: readonly string[]) {
  const standing = new Set(await admin.listTopics())
  if (!topics.every(topic => standing.has(topic))) return null
  try {
    const found = await admin.fetchTopicMetadata({ topics: [...topics] })
    return new Map(found.topics.map(({ name, partitions }) => [name, partitions.map(({ leader }) => leader)]))
  } catch (error) {
    const type = protocolErrorType(error)
    if (type === "UNKNOWN_TOPIC_OR_PARTITION" || type === "LEADER_NOT_AVAILABLE") return null
    throw error
  }
}

const TRIES = 20
const TRY_AGAIN_MS = 100

/**
 * A new topic's broker leads it a moment after it is known, a group's coordinator loads what it had, and leaders
 * change; kafkajs gives up at the first no.
 */
async function whileTransient<T>(admin: Admin, topics: readonly string[], ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask()
    } catch (error) {
      if (tries === TRIES || !isTransient(error)) throw error
      await admin.fetchTopicMetadata({ topics: [...topics] }).catch(() => undefined)
      await systemClock.sleep(TRY_AGAIN_MS)
    }
  }
}

export function partitionBounds(
  admin: Admin,
  topics: readonly string[],
): Promise<readonly PartitionBounds[]> {
  return whileTransient(admin, topics, async () => {
    const bounds: PartitionBounds[] = []
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        bounds.push({ topic, partition, low: BigInt(low), high: BigInt(high) })
      }
    }
    return bounds
  })
}
