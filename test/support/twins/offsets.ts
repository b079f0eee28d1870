import type { OffsetStep } from "../../../src/bus/consume.ts"

/** What `consumer_offsets` is to the adapters. */
export interface InMemoryOffsets {
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  /** False if another offset is stored than the step begins at. */
  move(step: OffsetStep): boolean
}

export function createInMemoryOffsets(): InMemoryOffsets {
  const offsets = new Map<string, bigint>()
  return {
    storedOffset: async (...key) => offsets.get(key.join("/")) ?? null,
    move({ consumerGroup, topic, partition, storedOffset, nextOffset }) {
      const key = [consumerGroup, topic, partition].join("/")
      if ((offsets.get(key) ?? null) !== storedOffset) return false
      offsets.set(key, nextOffset)
      return true
    },
  }
}
