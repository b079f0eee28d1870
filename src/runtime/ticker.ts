import { backoffMs } from "./backoff.ts"
import type { Clock } from "./clock.ts"
import type { Logger } from "./logger.ts"

/** Short: a server that is back shall be used within two seconds, and a failed pass costs little. */
const LONGEST_BACKOFF_MS = 500

/** One pass of a background service. Returns how much it did; 0 means nothing was waiting. */
export interface Stage {
  readonly name: string
  /** A pass that takes longer is stuck; five minutes where nothing is said. */
  readonly longestPassMs?: number
  tick(signal: AbortSignal): Promise<number>
}

export interface TickerOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** How long to wait after a pass that did nothing. */
  readonly idleMs: number
  /** Waits at most `ms`, ends early when there is news; the default only waits. */
  readonly waitForWork?: (ms: number, signal: AbortSignal) => Promise<void>
  /** Longest wait after a failed pass. */
  readonly maxBackoffMs?: number
  readonly onPass?: (result: {
    readonly stage: string
    readonly did: number
    readonly failed: boolean
  }) => void
}

/**
 * Loops a stage until the signal aborts; resolves when the pass in hand has ended.
 * A failed pass is logged once per run of failures and tried again after a growing wait: an outage must not end the
 * process, or the supervisor's restarts hide what is wrong.
 */
export async function runTicker(stage: Stage, options: TickerOptions): Promise<void> {
  const { clock, signal, logger } = options
  const wait = options.waitForWork ?? ((ms: number) => clock.sleep(ms, signal))
  let failures = 0
  while (!signal.aborted) {
    let did = 0
    try {
      did = await stage.tick(signal)
      if (failures > 0) logger.info({ stage: stage.name, failures }, "stage works again")
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      const level = failures === 1 || failures % 20 === 0 ? "warn" : "debug"
      logger[level]({ stage: stage.name, failures, err: error }, "pass failed, will try again")
    }
    options.onPass?.({ stage: stage.name, did, failed: failures > 0 })
    if (failures > 0) {
      await clock.sleep(
        backoffMs(failures, { baseMs: 100, maxMs: options.maxBackoffMs ?? LONGEST_BACKOFF_MS }),
        signal,
      )
    } else if (did === 0) await wait(options.idleMs, signal)
  }
}
