/** Where a partition is read from, kept apart from the client: it moves by itself, and does not say why. */
export interface PartitionProgress {
  /** Forgets all: the group was joined anew. */
  clear(): void
  /** The partition is read from here next. */
  startAt(topic: string, partition: number, offset: bigint): void
  /** The client passed over records that no consumer may see (aborted, control) up to `nextOffset`. */
  skipTo(topic: string, partition: number, nextOffset: bigint): void
  /** Where a batch fetched from `fetchedOffset` begins: before what was passed over, if it follows on that. */
  beginningOf(topic: string, partition: number, fetchedOffset: bigint): bigint
  /** Whether the client fetched from where it was told, or from elsewhere by its own decision. */
  isExpected(topic: string, partition: number, fetchedOffset: bigint): boolean
}

export function createPartitionProgress(): PartitionProgress {
  const known = new Map<string, { readonly handledUpTo: bigint; readonly fetchFrom: bigint }>()
  const key = (topic: string, partition: number) => `${topic}/${partition}`
  return {
    clear: () => known.clear(),
    startAt: (topic, partition, offset) =>
      void known.set(key(topic, partition), { handledUpTo: offset, fetchFrom: offset }),
    skipTo(topic, partition, nextOffset) {
      const before = known.get(key(topic, partition))
      if (before && nextOffset > before.fetchFrom) {
        known.set(key(topic, partition), { ...before, fetchFrom: nextOffset })
      }
    },
    beginningOf(topic, partition, fetchedOffset) {
      const before = known.get(key(topic, partition))
      return before?.fetchFrom === fetchedOffset ? before.handledUpTo : fetchedOffset
    },
    isExpected: (topic, partition, fetchedOffset) =>
      known.get(key(topic, partition))?.fetchFrom === fetchedOffset,
  }
}
