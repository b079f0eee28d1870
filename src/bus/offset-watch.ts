import type { Clock } from "../runtime/clock.ts"

/** Where this member of a group is, partition by partition, as the database had it. */
export interface OffsetWatch {
  /** The offset that is stored, as this member last saw or stored it. */
  note(topic: string, partition: number, offset: bigint | null): void
  /** Resolves when the stored offset of a partition is below that, or the signal aborts; true in the first case. */
  wentBack(signal: AbortSignal): Promise<boolean>
}

/**
 * A database that fails over to an older state loses effects and offset alike, and a batch that comes then is sought
 * back. A partition in which nothing comes any more would stay as it is; so the stored offsets are looked at now and
 * then.
 */
export function createOffsetWatch(options: {
  readonly storedOffset: (topic: string, partition: number) => Promise<bigint | null>
  readonly clock: Clock
  readonly everyMs: number
}): OffsetWatch {
  const { clock, everyMs } = options
  const noted = new Map<
    string,
    { readonly topic: string; readonly partition: number; readonly offset: bigint }
  >()

  async function isBelow(key: string): Promise<boolean> {
    const before = noted.get(key)
    if (!before) return false
    const stored = await options.storedOffset(before.topic, before.partition)
    // A batch that was stored meanwhile may rightly have gone back: of a topic made anew.
    return noted.get(key) === before && (stored ?? -1n) < before.offset
  }

  return {
    note(topic, partition, offset) {
      const key = `${topic}/${partition}`
      if (offset === null) noted.delete(key)
      else noted.set(key, { topic, partition, offset })
    },
    async wentBack(signal) {
      while (!signal.aborted) {
        await clock.sleep(everyMs, signal)
        for (const key of [...noted.keys()]) {
          if (signal.aborted) return false
          // While the database is away nothing is known.
          if (!(await isBelow(key).catch(() => false))) continue
          // Also of partitions that another member has by now: they are not to be found low again and again.
          noted.clear()
          return true
        }
      }
      return false
    },
  }
}
