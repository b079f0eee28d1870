import type { Depth, Hex, Ledger } from "./ports.ts"

/**
 * `gone`: the chain has another block there. `unseen`: none, so the node lags, or its chain has become shorter.
 * `deep`: what the block says is final.
 */
export type Place = "gone" | "unseen" | "shallow" | "deep"

export interface PlacedBlock {
  readonly blockNumber: number
  readonly blockHash: Hex
}

/** By block hash, not by what a receipt says: a receipt can be served from a block that is no longer the chain's. */
export async function placeOf(ledger: Ledger, block: PlacedBlock, confirmations: Depth): Promise<Place> {
  // Before the hash: a block found in its place afterwards was there while the other one was so deep.
  const deepest = confirmations === 1 ? block.blockNumber : await ledger.height(confirmations)
  const hash = await ledger.blockHash(block.blockNumber)
  if (hash === null) return "unseen"
  if (hash !== block.blockHash) return "gone"
  return deepest >= block.blockNumber ? "deep" : "shallow"
}
