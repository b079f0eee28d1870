import type { ChainTerms } from "./ports.ts"

/** EIP-1559 fees of one attempt. */
export interface Fees {
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

export interface FeePolicy {
  /** The most that is ever offered; above it a person is told, and the lane waits. */
  readonly maxFeePerGasWei: bigint
  /** The least tip, on a chain that asks for fees at all. */
  readonly minPriorityFeePerGasWei: bigint
}

/** 500 gwei at most; a tip of at least 0.01 gwei, below which public networks' nodes do not keep a transaction. */
export const DEFAULT_FEE_POLICY: FeePolicy = {
  maxFeePerGasWei: 500_000_000_000n,
  minPriorityFeePerGasWei: 10_000_000n,
}

/** Null: what the chain asks now is above the cap. */
export type FeeDecision = Fees | null

/**
 * Twice the base fee, so that six full blocks in a row (12.5 % each, EIP-1559) do not price it out; less where the cap
 * leaves less room, as long as the next block still takes it.
 */
export function initialFees(terms: ChainTerms, policy: FeePolicy): FeeDecision {
  const asksForFees = terms.baseFeePerGasWei > 0n || terms.priorityFeePerGasWei > 0n
  const tip = max(terms.priorityFeePerGasWei, asksForFees ? policy.minPriorityFeePerGasWei : 0n)
  if (terms.baseFeePerGasWei + tip > policy.maxFeePerGasWei) return null
  return {
    maxFeePerGasWei: min(2n * terms.baseFeePerGasWei + tip, policy.maxFeePerGasWei),
    maxPriorityFeePerGasWei: tip,
  }
}

/**
 * Fees that replace `previous`: nodes ask for 10 to 12.5 % more on **both**, or refuse the replacement, and 12.5 % of
 * nothing is nothing, hence the 1 wei. At least what a new transaction would offer now.
 */
export function bumpedFees(previous: Fees, terms: ChainTerms, policy: FeePolicy): FeeDecision {
  const fresh = initialFees(terms, policy)
  const tip = max(raised(previous.maxPriorityFeePerGasWei), fresh?.maxPriorityFeePerGasWei ?? 0n)
  const maxFee = max(raised(previous.maxFeePerGasWei), fresh?.maxFeePerGasWei ?? 0n, tip)
  if (maxFee > policy.maxFeePerGasWei) return null
  return { maxFeePerGasWei: maxFee, maxPriorityFeePerGasWei: tip }
}

function raised(fee: bigint): bigint {
  return fee + max((fee + 7n) / 8n, 1n)
}

function max(first: bigint, ...others: readonly bigint[]): bigint {
  return others.reduce((high, value) => (value > high ? value : high), first)
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
