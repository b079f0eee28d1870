import type { Clock } from "./clock.ts"
import { type LinkedSignal, linkedSignal } from "./linked-signal.ts"

/** News between two services of one process. It only shortens a wait: what is missed is found by the next pass. */
export interface Wake {
  wake(): void
  /** Ends after `ms`, at the next `wake`, or at once if one came since the last wait. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export function createWake(clock: Clock): Wake {
  let pending = false
  const waiting = new Set<LinkedSignal>()
  return {
    wake() {
      pending = true
      for (const waiter of waiting) waiter.abort()
    },
    async wait(ms, signal) {
      if (!pending) {
        using waiter = linkedSignal(signal)
        waiting.add(waiter)
        await clock.sleep(ms, waiter.signal)
        waiting.delete(waiter)
      }
      pending = false
    },
  }
}
