import type { Clock } from "../runtime/clock.ts"
import type { OpenTransaction } from "./ports.ts"

/** How much the newest flight counts against those before it. */
const NEWEST_SHARE = 0.25

/**
 * Spreads the few transactions that may be in flight over the time one of them takes. Sent as fast as requests come in, a
 * handful of small batches would take all places in a moment, and every later request would wait a whole block longer.
 */
export interface Pace {
  /** To be told what is in flight in each pass. */
  saw(open: readonly OpenTransaction[]): void
  began(transaction: OpenTransaction): void
  /** Whether a batch that is not full may go now. A full one always may. */
  allows(inFlight: number): boolean
}

export function createPace(options: { readonly clock: Clock; readonly maxInFlight: number }): Pace {
  const { clock, maxInFlight } = options
  const begunAtMs = new Map<bigint, number>()
  let lastBegunAtMs = Number.NEGATIVE_INFINITY
  let flightMs = 0
  return {
    saw(open) {
      const ids = new Set(open.map(({ id }) => id))
      for (const [id, atMs] of begunAtMs) {
        if (ids.has(id)) continue
        flightMs += (clock.nowMs() - atMs - flightMs) * NEWEST_SHARE
        begunAtMs.delete(id)
      }
    },
    began({ id }) {
      lastBegunAtMs = clock.nowMs()
      begunAtMs.set(id, lastBegunAtMs)
    },
    allows: inFlight => inFlight === 0 || clock.nowMs() - lastBegunAtMs >= flightMs / maxInFlight,
  }
}
