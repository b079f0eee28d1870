import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Attempts } from "./attempts.ts"
import type { BatchSizes } from "./batch-sizes.ts"
import type { CrashHook } from "./crash-points.ts"
import { placeOf } from "./depth.ts"
import { createDoubt } from "./doubt.ts"
import { type FoundReceipt, findReceipt } from "./find-receipt.ts"
import type { Findings } from "./findings.ts"
import { highestForeignVersion } from "./foreign-version.ts"
import type {
  Depth,
  Hex,
  Inclusion,
  Lane,
  Ledger,
  OpenTransaction,
  Registry,
  TransactionLog,
} from "./ports.ts"
import { createPredecessor } from "./predecessor.ts"
import { operationResults, retryMs } from "./results.ts"
import { createWithoutReceipt } from "./without-receipt.ts"

/** `moved`: something changed, look again. `waiting`: for the chain. `blocked`: nothing new may be sent before it moves. */
export type StepResult = "moved" | "waiting" | "blocked"

export interface WatchOptions {
  readonly log: TransactionLog
  readonly ledger: Ledger
  readonly registries: readonly Registry[]
  readonly attempts: Attempts
  readonly findings: Findings
  readonly sizes: BatchSizes
  readonly confirmations: Depth
  /** After this a person is told of a transaction that is next in line, and it gets higher fees. */
  readonly stuckMs: number
  /** Sent bytes that are in no block are sent again this often: a node may have dropped them. */
  readonly resendMs: number
  readonly clock: Clock
  readonly crash: CrashHook
  readonly logger: Logger
}

/**
 * Takes one transaction one step on, from whatever state a crash left it in. `usedNonces` must have been read before:
 * a nonce seen used means that a receipt of ours is there to be found, or that it is not ours.
 */
export type Watch = (lane: Lane, transaction: OpenTransaction, usedNonces: number) => Promise<StepResult>

export function createWatch(options: WatchOptions): Watch {
  const { log, ledger, attempts, findings, crash, logger, confirmations } = options
  const foreign = createDoubt({ clock: options.clock, overMs: options.resendMs })
  const withoutReceipt = createWithoutReceipt(options)
  const predecessor = createPredecessor(options)

  async function unsent(lane: Lane, transaction: OpenTransaction): Promise<StepResult> {
    const last = transaction.attempts.at(-1)
    const result =
      last && last.state !== "refused"
        ? await attempts.resend(lane, transaction, last)
        : await attempts.start(lane, transaction)
    return result === "blocked" ? "blocked" : "moved"
  }

  async function sent(lane: Lane, transaction: OpenTransaction, usedNonces: number): Promise<StepResult> {
    const found = await findReceipt(ledger, transaction)
    if (found) return mined(lane, transaction, found, usedNonces)
    if (usedNonces > transaction.nonce) return passedBy(lane, transaction, usedNonces)
    return notMined(lane, transaction, usedNonces)
  }

  async function mined(
    lane: Lane,
    transaction: OpenTransaction,
    found: FoundReceipt,
    usedNonces: number,
  ): Promise<StepResult> {
    const { effect, blockNumber, blockHash } = found.receipt
    if (effect.kind !== "applied") return withoutEffect(lane, transaction, found)
    const inclusion = { hash: found.attempt.hash, blockNumber, blockHash, outcomes: effect.outcomes }
    await crash("before-included")
    await log.advance(lane, transaction.id, { to: "included", inclusion })
    await crash("after-included")
    return included(lane, { ...transaction, state: "included", inclusion }, inclusion, usedNonces)
  }

  async function included(
    lane: Lane,
    transaction: OpenTransaction,
    inclusion: Inclusion,
    usedNonces: number,
  ): Promise<StepResult> {
    const place = await placeOf(ledger, inclusion, confirmations)
    if (place === "gone") return reorged(lane, transaction, inclusion)
    // A node that lags, or a chain that has become shorter: only then is the nonce free again.
    if (place === "unseen" && usedNonces > transaction.nonce) return "waiting"
    if (place === "unseen") return reorged(lane, transaction, inclusion)
    if (place === "shallow") return "waiting"
    // What was confirmed before has to be sent again and judged first.
    if (!(await predecessor.isInPlace(lane, transaction.nonce, inclusion))) return "waiting"
    const carried = transaction.operations.slice(0, inclusion.outcomes.length)
    const results = operationResults(carried, inclusion, options.clock.nowMs())
    const registry = options.registries.find(({ address }) => address === transaction.contract)
    const foreignVersion = await highestForeignVersion(carried, inclusion.outcomes, registry)
    await crash("before-settle")
    await log.settle(lane, transaction.id, { as: "confirmed", results, foreignVersion })
    await crash("after-settle")
    const { nonce, type } = transaction
    predecessor.confirmed(lane, nonce, inclusion)
    options.sizes.taken(type)
    await findings.set(lane, "no-effect", type, false)
    await findings.set(lane, "unconfirmed", null, false)
    logger.info({ lane: lane.address, nonce, type, operations: results.length }, "batch confirmed")
    return "moved"
  }

  /** The chain has forgotten the transaction, and perhaps its nonce: the same bytes are valid again, and sent at once. */
  async function reorged(
    lane: Lane,
    transaction: OpenTransaction,
    inclusion: Inclusion,
  ): Promise<StepResult> {
    logger.warn(
      { lane: lane.address, nonce: transaction.nonce, hash: inclusion.hash },
      "block reorganised away",
    )
    await log.advance(lane, transaction.id, { to: "reorged" })
    const attempt = transaction.attempts.find(({ hash }) => hash === inclusion.hash)
    if (attempt) await attempts.resend(lane, transaction, attempt)
    return "moved"
  }

  /** The nonce is used up without effect. Only when that is final may the operations be sent in another transaction. */
  async function withoutEffect(
    lane: Lane,
    transaction: OpenTransaction,
    { attempt, receipt }: FoundReceipt,
  ): Promise<StepResult> {
    if ((await placeOf(ledger, receipt, confirmations)) !== "deep") return "waiting"
    const { hash, gasLimit, records } = attempt
    // All but a sixty-fourth, which a call cannot pass on (EIP-150).
    const outOfGas = receipt.effect.kind === "reverted" && receipt.gasUsed >= gasLimit - gasLimit / 64n
    if (outOfGas) options.sizes.tooLarge(transaction.type, records)
    const tries = Math.max(...transaction.operations.map(operation => operation.tries))
    await crash("before-settle")
    await log.settle(lane, transaction.id, { as: "reverted", hash, retryAfterMs: retryMs(tries) })
    await crash("after-settle")
    await findings.set(lane, "unconfirmed", null, false)
    await explain(lane, transaction, hash)
    return "moved"
  }

  async function explain(lane: Lane, transaction: OpenTransaction, hash: Hex): Promise<void> {
    const { type, nonce, contract } = transaction
    const registry = options.registries.find(({ address }) => address === contract)
    const obstacle = registry ? await registry.obstacle(lane.address) : null
    logger.warn({ lane: lane.address, nonce, type, hash, obstacle }, "transaction without effect")
    await findings.set(lane, obstacle ?? "no-effect", type, true)
  }

  /** The nonce is used and no receipt is ours: perhaps the node lags, so it counts only when deep, and seen often. */
  async function passedBy(lane: Lane, transaction: OpenTransaction, usedNonces: number): Promise<StepResult> {
    const deep = await ledger.nonce(lane.address, confirmations)
    if (!foreign.settled(`${transaction.id}`, deep > transaction.nonce ? "passed" : null)) return "waiting"
    // Or the node has thrown the receipt away: what the block and the contract have says whose it was.
    const found = await withoutReceipt(lane, transaction)
    if (found === "unseen") return "waiting"
    if (found !== "foreign") {
      const { nonce } = transaction
      logger.warn({ lane: lane.address, nonce }, "no receipt to be had: outcomes taken from the storage")
      return mined(lane, transaction, found, usedNonces)
    }
    await findings.set(lane, "foreign-nonce", null, true)
    await crash("before-settle")
    await log.settle(lane, transaction.id, { as: "lost" })
    await crash("after-settle")
    await findings.set(lane, "unconfirmed", null, false)
    return "moved"
  }

  async function notMined(lane: Lane, transaction: OpenTransaction, usedNonces: number): Promise<StepResult> {
    foreign.settled(`${transaction.id}`, null)
    const last = transaction.attempts.at(-1)
    if (!last) return "waiting"
    if (last.state === "refused") return restart(lane, transaction)
    const due = last.lastSentAgoMs === null || last.lastSentAgoMs >= options.resendMs
    if (!due) return "waiting"
    if (usedNonces === transaction.nonce && (await isStuck(lane, transaction)))
      return restart(lane, transaction)
    await attempts.resend(lane, transaction, last)
    return "waiting"
  }

  /** Next in line, and waiting too long, or priced out by a base fee that rose: higher fees may help. */
  async function isStuck(lane: Lane, { nonce, attempts: all }: OpenTransaction): Promise<boolean> {
    const waitedMs = all[0]?.firstSentAgoMs ?? 0
    await findings.set(lane, "unconfirmed", null, waitedMs >= options.stuckMs)
    const last = all.at(-1)
    if (!last) return false
    const { baseFeePerGasWei } = await ledger.terms()
    const pricedOut = baseFeePerGasWei > last.maxFeePerGasWei
    const tooLong = (last.firstSentAgoMs ?? 0) >= options.stuckMs
    if (tooLong || pricedOut)
      logger.warn({ lane: lane.address, nonce, waitedMs, pricedOut }, "transaction stuck")
    return tooLong || pricedOut
  }

  async function restart(lane: Lane, transaction: OpenTransaction): Promise<StepResult> {
    return (await attempts.start(lane, transaction)) === "sent" ? "moved" : "waiting"
  }

  return async (lane, transaction, usedNonces) => {
    switch (transaction.state) {
      case "reserved":
      case "signed":
        return unsent(lane, transaction)
      case "sent":
        return sent(lane, transaction, usedNonces)
      case "included":
        if (!transaction.inclusion) throw new Error(`transaction ${transaction.id} is included nowhere`)
        return included(lane, transaction, transaction.inclusion, usedNonces)
    }
  }
}
