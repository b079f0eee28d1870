import type { Clock } from "../runtime/clock.ts"
import { REMAINING, type Remaining } from "./observe/remaining.ts"

export type Settled =
  | { readonly settled: true }
  /** Nothing moved for too long. */
  | { readonly settled: false; readonly stuck: readonly string[] }

export interface SettleOptions {
  readonly readRemaining: () => Promise<Remaining>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Unix milliseconds when the last block ends: until then there may be nothing to do. */
  readonly lastExpiryMs: number
  readonly patienceMs?: number
  readonly lookEveryMs?: number
}

/** Waits until nothing remains, as long as something moves. Rejects when the signal aborts. */
export async function settle(options: SettleOptions): Promise<Settled> {
  const { clock, signal, patienceMs = 60_000, lookEveryMs = 500 } = options
  let before = ""
  let movedAtMs = Math.max(clock.nowMs(), options.lastExpiryMs)
  for (;;) {
    signal.throwIfAborted()
    const remaining = await options.readRemaining()
    if (REMAINING.every(name => remaining[name] === 0)) return { settled: true }
    const now = JSON.stringify(remaining)
    if (now !== before) movedAtMs = Math.max(clock.nowMs(), movedAtMs)
    else if (clock.nowMs() - movedAtMs > patienceMs) return { settled: false, stuck: describe(remaining) }
    before = now
    await clock.sleep(lookEveryMs, signal)
  }
}

function describe(remaining: Remaining): string[] {
  return REMAINING.filter(name => remaining[name] > 0).map(name => `${remaining[name]} ${name}`)
}
