import type { OperationType } from "../domain/operation.ts"
import type { Attempts } from "./attempts.ts"
import { batchGasLimit, batchLimit, type GasCosts } from "./batch.ts"
import type { BatchSizes } from "./batch-sizes.ts"
import type { CrashHook } from "./crash-points.ts"
import { type FeePolicy, type Fees, initialFees } from "./fees.ts"
import type { Findings } from "./findings.ts"
import type { Pace } from "./pace.ts"
import type { ChainTerms, Lane, Ledger, OpenTransaction, Registry, TransactionLog } from "./ports.ts"
import { createTurns } from "./turns.ts"

export interface ClaimsOptions {
  readonly log: TransactionLog
  readonly ledger: Ledger
  readonly registries: readonly Registry[]
  readonly attempts: Attempts
  readonly findings: Findings
  readonly sizes: BatchSizes
  readonly pace: Pace
  readonly maxRecords: number
  /** Transactions of the lane that are not settled, at most. */
  readonly maxInFlight: number
  readonly gas: GasCosts
  readonly fees: FeePolicy
  readonly crash: CrashHook
}

/** Fills the lane with new batches while it may; how many were begun. */
export type Claims = (
  lane: Lane,
  open: readonly OpenTransaction[],
  usedNonces: number,
  signal: AbortSignal,
) => Promise<number>

export function createClaims(options: ClaimsOptions): Claims {
  const { log, ledger, registries, findings, crash, pace } = options
  const turns = createTurns({ types: registries.map(({ type }) => type), maxInFlight: options.maxInFlight })

  async function firstUnobstructed(lane: Lane, types: readonly OperationType[]): Promise<Registry | null> {
    for (const type of types) {
      const registry = registries.find(each => each.type === type)
      if (registry && !(await isObstructed(lane, registry))) return registry
    }
    return null
  }

  /** A batch that is bound to revert would burn gas and change nothing. */
  async function isObstructed(lane: Lane, registry: Registry): Promise<boolean> {
    const obstacle = await registry.obstacle(lane.address)
    for (const finding of ["paused", "no-writer-role", "no-contract", "contracts-replaced"] as const) {
      await findings.set(lane, finding, registry.type, finding === obstacle)
    }
    return obstacle !== null
  }

  /** The balance has to cover all that is in flight and this batch: nodes drop what they find unpayable. */
  async function isPayable(
    lane: Lane,
    open: readonly OpenTransaction[],
    { terms, balanceWei }: { readonly terms: ChainTerms; readonly balanceWei: bigint },
    records: number,
  ): Promise<boolean> {
    const fees = initialFees(terms, options.fees)
    await findings.set(lane, "fee-cap", null, fees === null)
    if (fees === null) return false
    const inFlightWei = open.reduce((sum, transaction) => sum + costWei(transaction, options.gas, fees), 0n)
    const neededWei = inFlightWei + batchGasLimit(records, options.gas) * fees.maxFeePerGasWei
    const payable = balanceWei >= neededWei
    await findings.set(lane, "insufficient-funds", null, !payable)
    return payable
  }

  return async (lane, open, usedNonces, signal) => {
    pace.saw(open)
    const inFlight = [...open]
    // What is ready may all wait for an earlier operation of its subject, for days even: the other types do not.
    const fruitless = new Set<OperationType>()
    let begun = 0
    while (inFlight.length < options.maxInFlight && !signal.aborted) {
      const ready = turns.order(await log.ready(), inFlight.length).filter(type => !fruitless.has(type))
      if (ready.length === 0) return begun
      // At once: each answer is a trip to the node.
      const [registry, terms, balanceWei] = await Promise.all([
        firstUnobstructed(lane, ready),
        ledger.terms(),
        ledger.balanceWei(lane.address),
      ])
      if (!registry) return begun
      const limit = batchLimit({
        maxRecords: options.sizes.limit(registry.type, options.maxRecords),
        blockGasLimit: terms.blockGasLimit,
        costs: options.gas,
      })
      const { type, address: contract } = registry
      const { live, backfill } = await log.waiting(type, limit)
      // Backfill fills up a batch with live work, but does not send it before its time.
      const isFull = (live > 0 ? live : backfill) >= limit
      if (!pace.allows(inFlight.length) && !isFull) return begun
      // What is there, not what would fit: an account with funds for that need not have more.
      const records = Math.min(limit, live + backfill)
      if (limit < 1 || !(await isPayable(lane, inFlight, { terms, balanceWei }, records))) return begun
      await crash("before-reserve")
      const backfillShare = turns.backfillShare(limit)
      const claim = { type, contract, limit: records, backfillShare, atLeastNonce: usedNonces }
      const reserved = await log.reserve(lane, claim)
      // All of it waits, or another lane was faster.
      if (!reserved) {
        fruitless.add(type)
        continue
      }
      await crash("after-reserve")
      begun += 1
      turns.began(type)
      pace.began(reserved)
      inFlight.push(reserved)
      // Nothing may follow a nonce that no node has: it would wait behind it, or be refused.
      if ((await options.attempts.start(lane, reserved, terms)) !== "sent") return begun
    }
    return begun
  }
}

/** Without an attempt in hand it is one of this pass, begun at these fees. */
function costWei(transaction: OpenTransaction, gas: GasCosts, fees: Fees): bigint {
  if (transaction.state === "included") return 0n
  const { gasLimit, maxFeePerGasWei } = transaction.attempts.at(-1) ?? {
    gasLimit: batchGasLimit(transaction.operations.length, gas),
    ...fees,
  }
  return gasLimit * maxFeePerGasWei
}
