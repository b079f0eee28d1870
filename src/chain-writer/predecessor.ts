import type { Inclusion, Lane, Ledger, TransactionLog } from "./ports.ts"

/**
 * Whether the confirmed transaction before this one is still where it was told to be. Asked before another is confirmed,
 * and after that one was found in its place: so the confirmed ones of a lane are all of one history, and the newest that
 * is in its place proves those before it. Otherwise a reorganisation that was over within a second would go unseen, with
 * results in it that were told and are no longer true.
 */
export interface Predecessor {
  isInPlace(lane: Lane, nonce: number, inclusion: Inclusion): Promise<boolean>
  confirmed(lane: Lane, nonce: number, inclusion: Inclusion): void
}

export function createPredecessor({ log, ledger }: { log: TransactionLog; ledger: Ledger }): Predecessor {
  /** The highest that this holder of the lane has confirmed. */
  let newest: { readonly epoch: bigint; readonly nonce: number; readonly inclusion: Inclusion } | null = null

  const isThere = async (before: Inclusion, now: Inclusion) =>
    before.blockHash === now.blockHash || (await ledger.blockHash(before.blockNumber)) === before.blockHash

  return {
    async isInPlace(lane, nonce, inclusion) {
      const isKnown = newest !== null && newest.epoch === lane.epoch && newest.nonce < nonce
      if (newest && isKnown && (await isThere(newest.inclusion, inclusion))) return true
      // It may have been moved since, or be another holder's.
      const [before] = await log.confirmed(lane, nonce, 1)
      return !before || isThere(before.inclusion, inclusion)
    },
    confirmed({ epoch }, nonce, inclusion) {
      if (!newest || newest.epoch !== epoch || newest.nonce < nonce) newest = { epoch, nonce, inclusion }
    },
  }
}
