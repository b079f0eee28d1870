import { partitionBounds, withAdmin } from "./admin.ts"
import type { KafkaSettings } from "./client.ts"

export interface PartitionLag {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  /** The offset of the next message to be written. */
  readonly endOffset: bigint
  /** Null if the group never committed here. */
  readonly committed: bigint | null
  /** Messages not handled yet. */
  readonly lag: bigint
}

/** What each group has still to handle, a row a partition. Topics that do not exist are an error of the broker's. */
export function consumerLag(
  settings: KafkaSettings,
  groupIds: readonly string[],
  topics: readonly string[],
): Promise<readonly PartitionLag[]> {
  return withAdmin(settings, async admin => {
    const found = await partitionBounds(admin, topics)
    const bounds = new Map(
      found.map(({ topic, partition, low, high }) => [`${topic}/${partition}`, { low, high }]),
    )
    const lags: PartitionLag[] = []
    for (const groupId of groupIds) {
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...topics] })) {
        for (const { partition, offset } of partitions) {
          const { low, high } = bounds.get(`${topic}/${partition}`) ?? { low: 0n, high: 0n }
          const committed = BigInt(offset) < 0n ? null : BigInt(offset)
          const from = committed === null || committed < low ? low : committed
          lags.push({
            groupId,
            topic,
            partition,
            endOffset: high,
            committed,
            lag: high > from ? high - from : 0n,
          })
        }
      }
    }
    return lags
  })
}
