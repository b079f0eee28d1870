import type { Clock } from "./clock.ts"

/** How one stage of this process is getting on. */
export interface StageProgress {
  readonly stage: string
  readonly passes: number
  readonly failedPasses: number
  /** Its last pass failed: what it waits for may be away. */
  readonly failing: boolean
  /** How long the pass in hand has taken; null between two. */
  readonly inHandMs: number | null
  /** The pass in hand takes longer than any should. */
  readonly stuck: boolean
}

/** What a process knows of itself: passes begun and ended. A connection that stands proves nothing, a pass that ends does. */
export interface Progress {
  /** Runs one pass of a stage; its outcome is the pass's own. */
  during<T>(stage: string, pass: () => Promise<T>, longestPassMs?: number): Promise<T>
  stages(): readonly StageProgress[]
}

/** Servers that are away end a pass within their timeouts, a minute at most. */
const LONGEST_PASS_MS = 300_000

interface Counted {
  passes: number
  failedPasses: number
  failing: boolean
  /** Passes in hand: when each has to be over. Consumers of several partitions may have more than one. */
  readonly inHand: Set<{ readonly startedMs: number; readonly longestMs: number }>
}

export function createProgress(clock: Pick<Clock, "nowMs">): Progress {
  const counted = new Map<string, Counted>()

  function of(stage: string): Counted {
    const found = counted.get(stage) ?? { passes: 0, failedPasses: 0, failing: false, inHand: new Set() }
    counted.set(stage, found)
    return found
  }

  return {
    async during(stage, pass, longestMs = LONGEST_PASS_MS) {
      const counts = of(stage)
      const mark = { startedMs: clock.nowMs(), longestMs }
      counts.inHand.add(mark)
      let failed = true
      try {
        const result = await pass()
        failed = false
        return result
      } finally {
        counts.inHand.delete(mark)
        counts.passes += 1
        if (failed) counts.failedPasses += 1
        counts.failing = failed
      }
    },
    stages() {
      const nowMs = clock.nowMs()
      return [...counted].map(([stage, { inHand, ...counts }]) => {
        const marks = [...inHand]
        return {
          stage,
          ...counts,
          inHandMs: marks.length === 0 ? null : nowMs - Math.min(...marks.map(mark => mark.startedMs)),
          stuck: marks.some(mark => nowMs - mark.startedMs > mark.longestMs),
        }
      })
    },
  }
}
