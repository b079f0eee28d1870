import type { ConsumerOffsets } from "../../../src/answer-cache/ports.ts"

export function createMemoryConsumerOffsets(): ConsumerOffsets {
  const offsets = new Map<string, bigint>()
  const key = (group: string, topic: string, partition: number) => JSON.stringify([group, topic, partition])
  return {
    storedOffset: async (group, topic, partition) => offsets.get(key(group, topic, partition)) ?? null,
    async move({ consumerGroup, topic, partition, storedOffset, nextOffset }) {
      const at = key(consumerGroup, topic, partition)
      if ((offsets.get(at) ?? null) !== storedOffset) return { outcome: "moved" }
      offsets.set(at, nextOffset)
      return { outcome: "stored" }
    },
  }
}
