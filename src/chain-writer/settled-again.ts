import type { Clock } from "../runtime/clock.ts"
import type { Lane, Ledger, TransactionLog } from "./ports.ts"

/** Sent in one pass: enough to fill a block, and no flood for a node that only answered with an old nonce. */
const MOST = 64

/**
 * Sends settled transactions again, from a nonce on that the chain says is not used (any more): the next part as soon as
 * it has taken one, the same part only after the time of a resend. So a node that says 0 for hours, with a million of
 * transactions behind it, is sent a few a second, and one that really lost them gets all.
 */
export type SettledAgain = (lane: Lane, usedNonces: number) => Promise<void>

export function createSettledAgain(options: {
  readonly log: TransactionLog
  readonly ledger: Ledger
  readonly resendMs: number
  readonly clock: Clock
}): SettledAgain {
  const { log, ledger, clock } = options
  let fromNonce = -1
  let sentAtMs = Number.NEGATIVE_INFINITY
  return async (lane, usedNonces) => {
    const nowMs = clock.nowMs()
    if (usedNonces <= fromNonce && nowMs - sentAtMs < options.resendMs) return
    fromNonce = usedNonces
    sentAtMs = nowMs
    for (const bytes of await log.settledBytes(lane, usedNonces, MOST)) await ledger.broadcast(bytes)
  }
}
