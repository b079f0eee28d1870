import type { EventBatch } from "../../../src/bus/consume.ts"

/** What `consumer_offsets` is to the adapters. */
export interface InMemoryOffsets {
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  store(batch: EventBatch): void
}

export function createInMemoryOffsets(): InMemoryOffsets {
  const offsets = new Map<string, bigint>()
  return {
    storedOffset: async (...key) => offsets.get(key.join("/")) ?? null,
    store: ({ consumerGroup, topic, partition, nextOffset }) =>
      void offsets.set([consumerGroup, topic, partition].join("/"), nextOffset),
  }
}
