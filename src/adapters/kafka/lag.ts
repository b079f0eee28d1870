import type { KafkaClient } from "./client-port.ts"

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

/** What each group has still to handle, a row a partition. A topic that nobody made yet has nothing in it. */
export function consumerLag(
  client: KafkaClient,
  groupIds: readonly string[],
  topics: readonly string[],
): Promise<readonly PartitionLag[]> {
  return client.withAdmin(async admin => {
    const standing = new Set(await admin.listTopics())
    const bounds = await admin.bounds(topics.filter(topic => standing.has(topic)))
    const lags: PartitionLag[] = []
    for (const groupId of groupIds) {
      const committed = await admin.committed(groupId, bounds)
      for (const { topic, partition, low, high } of bounds) {
        const offset = committed.get(`${topic}/${partition}`) ?? null
        const from = offset === null || offset < low ? low : offset
        const lag = high > from ? high - from : 0n
        lags.push({ groupId, topic, partition, endOffset: high, committed: offset, lag })
      }
    }
    return lags
  })
}
