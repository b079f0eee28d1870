import { Admin, ListOffsetTimestamps } from "@platformatic/kafka"
import type { Clock } from "../../../runtime/clock.ts"
import { type KafkaAdmin, type PartitionBounds, topicConfig } from "../client-port.ts"
import { refused, unusable } from "../connection-fault.ts"
import type { KafkaSettings } from "../settings.ts"
import { clientOptions } from "./client.ts"
import { isTransient } from "./errors.ts"

const RETRIES = 2

/** Connects, runs and disconnects. Throws an OperatorError when no broker answers or it refuses the login. */
export async function withAdmin<T>(
  settings: KafkaSettings,
  clock: Clock,
  use: (admin: KafkaAdmin) => Promise<T>,
): Promise<T> {
  const admin = new Admin(clientOptions(settings, RETRIES))
  try {
    await admin.metadata({ topics: [] }).catch((error: unknown) => {
      throw unusable(settings, error)
    })
    return await use(toKafkaAdmin(admin, clock))
  } catch (error) {
    throw refused(settings, error)
  } finally {
    await admin.close()
  }
}

function toKafkaAdmin(admin: Admin, clock: Clock): KafkaAdmin {
  return {
    listTopics: () => admin.listTopics(),
    async createTopics(topics, shape) {
      await admin.createTopics({
        topics: [...topics],
        partitions: shape.partitions,
        replicas: shape.replicationFactor,
        configs: topicConfig(shape),
      })
    },
    leaders: topics => leaders(admin, topics),
    bounds: topics => partitionBounds(admin, topics, clock),
    committed: (groupId, bounds) => committed(admin, groupId, bounds),
  }
}

async function leaders(admin: Admin, topics: readonly string[]) {
  const standing = new Set(await admin.listTopics())
  if (!topics.every(topic => standing.has(topic))) return null
  try {
    const metadata = await admin.metadata({ topics: [...topics], forceUpdate: true })
    return new Map(
      [...metadata.topics].map(([topic, { partitions }]) => [topic, partitions.map(({ leader }) => leader)]),
    )
  } catch (error) {
    if (isTransient(error)) return null
    throw error
  }
}

const TRIES = 20
const TRY_AGAIN_MS = 100

/** A new topic's broker leads it a moment after it is known, and leaders change. */
export async function partitionBounds(
  admin: Admin,
  topics: readonly string[],
  clock: Clock,
): Promise<readonly PartitionBounds[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      const metadata = await admin.metadata({ topics: [...topics], forceUpdate: tries > 1 })
      const partitions = new Map(
        [...metadata.topics].map(([topic, { partitionsCount }]) => [topic, partitionsCount]),
      )
      const low = await offsetsAt(admin, partitions, ListOffsetTimestamps.EARLIEST)
      const high = await offsetsAt(admin, partitions, ListOffsetTimestamps.LATEST)
      return [...partitions].flatMap(([topic, count]) =>
        Array.from({ length: count }, (_, partition) => ({
          topic,
          partition,
          low: low.get(`${topic}/${partition}`) ?? 0n,
          high: high.get(`${topic}/${partition}`) ?? 0n,
        })),
      )
    } catch (error) {
      if (tries === TRIES || !isTransient(error)) throw error
      await clock.sleep(TRY_AGAIN_MS)
    }
  }
}

async function offsetsAt(
  admin: Admin,
  partitions: ReadonlyMap<string, number>,
  timestamp: bigint,
): Promise<ReadonlyMap<string, bigint>> {
  const listed = await admin.listOffsets({
    topics: [...partitions].map(([name, count]) => ({
      name,
      partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
    })),
  })
  return new Map(
    listed.flatMap(({ name, partitions: found }) =>
      found.map(({ partitionIndex, offset }) => [`${name}/${partitionIndex}`, offset] as const),
    ),
  )
}

async function committed(admin: Admin, groupId: string, bounds: readonly PartitionBounds[]) {
  const topics = [...Map.groupBy(bounds, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitionIndexes: ofTopic.map(({ partition }) => partition),
  }))
  const groups = await admin.listConsumerGroupOffsets({ groups: [{ groupId, topics }] })
  const offsets = new Map<string, bigint>()
  for (const { name, partitions } of groups.flatMap(group => group.topics)) {
    for (const { partitionIndex, committedOffset } of partitions) {
      if (committedOffset >= 0n) offsets.set(`${name}/${partitionIndex}`, committedOffset)
    }
  }
  return offsets
}
