import type { ConsumerProgress, GroupEnd } from "../../../src/outbox/archive-ports.ts"

export interface InMemoryConsumerProgress {
  readonly progress: ConsumerProgress
  /** What is published for a group by now. */
  publish(end: GroupEnd): void
  /** How far the group is: the offset of its next message. */
  store(end: GroupEnd): void
}

export function createInMemoryConsumerProgress(): InMemoryConsumerProgress {
  const published = new Map<string, GroupEnd>()
  const stored = new Map<string, GroupEnd>()

  function isBehind(end: GroupEnd): boolean {
    const inUse = [...stored.values()].some(({ groupId }) => groupId === end.groupId)
    return inUse && (stored.get(keyOf(end))?.offset ?? -1n) < end.offset
  }

  return {
    publish: end => void published.set(keyOf(end), end),
    store: end => void stored.set(keyOf(end), end),
    progress: {
      ends: async () => [...published.values()],
      behind: async ends => [...new Set(ends.filter(isBehind).map(({ groupId }) => groupId))].sort(),
    },
  }
}

function keyOf({ groupId, topic, partition }: GroupEnd): string {
  return JSON.stringify([groupId, topic, partition])
}
