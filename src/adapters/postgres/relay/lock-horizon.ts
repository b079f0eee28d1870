import type { Position } from "../../../domain/position.ts"

/** One sample: all positions up to `highest` are settled once none of `holders` is left and the WAL is flushed so far. */
interface Sample {
  readonly highest: Position
  /** Virtual transactions that could still commit a position up to `highest`. */
  readonly holders: ReadonlySet<string>
  /** End of the WAL when the last holder was seen gone: their commit records lie before it. */
  readonly commitsEndLsn: bigint | null
}

/** Bounds the work of a pass; a newer sample in place of the newest is as sound, only later. */
const MAX_SAMPLES = 64

export interface LockHorizon {
  /** All positions up to here are visible if they ever will be, and durable. */
  safe(): Position
  /** True if no sample waits for its transactions or for the flush. */
  isQuiet(): boolean
  /** True if `highest` was sampled before and nothing waits: another look would tell nothing. */
  isSettled(highest: Position): boolean
  /** `holders` must have been read after `highest`, or a transaction between the two is missed. */
  observe(highest: Position, holders: ReadonlySet<string>): void
  /** Both LSNs must have been read after the holders given to `observe`. True if something waits for the flush. */
  settle(lsn: { readonly inserted: bigint; readonly flushed: bigint }): boolean
}

/**
 * The lock horizon: an INSERT takes its table lock before its position, and lets go of it after its row is visible.
 * So a position handed out before `highest` was read belongs to a transaction that then holds the lock or is over.
 * Several samples wait at once, so that one settles as soon as its own transactions are over.
 */
export function createLockHorizon(): LockHorizon {
  let safe: Position = 0n
  let waiting: readonly Sample[] = []

  function newest(): Position {
    return waiting.at(-1)?.highest ?? safe
  }

  return {
    safe: () => safe,
    isQuiet: () => waiting.length === 0,
    isSettled: highest => waiting.length === 0 && highest <= safe,
    observe(highest, holders) {
      const older = waiting.map(sample => ({
        ...sample,
        holders: new Set([...sample.holders].filter(holder => holders.has(holder))),
      }))
      if (highest > newest()) {
        waiting = [...older.slice(0, MAX_SAMPLES - 1), { highest, holders, commitsEndLsn: null }]
      } else waiting = older
    },
    settle({ inserted, flushed }) {
      const over = waiting.map(sample =>
        sample.holders.size === 0 && sample.commitsEndLsn === null
          ? { ...sample, commitsEndLsn: inserted }
          : sample,
      )
      for (const { highest, commitsEndLsn } of over) {
        if (commitsEndLsn !== null && commitsEndLsn <= flushed && highest > safe) safe = highest
      }
      waiting = over.filter(({ highest }) => highest > safe)
      return waiting.some(({ commitsEndLsn }) => commitsEndLsn !== null)
    },
  }
}
