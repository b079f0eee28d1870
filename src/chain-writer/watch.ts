import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Attempts } from "./attempts.ts"
import type { CrashHook } from "./crash-points.ts"
import type { Findings } from "./findings.ts"
import { highestForeignVersion } from "./foreign-version.ts"
import type {
  Hex,
  Inclusion,
  Lane,
  Ledger,
  OpenTransaction,
  Receipt,
  Registry,
  TransactionLog,
} from "./ports.ts"
import { operationResults, retryMs } from "./results.ts"

/** `moved`: something changed, look again. `waiting`: for the chain. `blocked`: nothing new may be sent before it moves. */
export type StepResult = "moved" | "waiting" | "blocked"

export interface WatchOptions {
  readonly log: TransactionLog
  readonly ledger: Ledger
  readonly registries: readonly Registry[]
  readonly attempts: Attempts
  readonly findings: Findings
  /** How deep a block must be before what it says is final; 1 is the newest block. */
  readonly confirmations: number
  /** After this a transaction that is next in line gets higher fees. */
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
  const { log, ledger, attempts, findings, crash, logger } = options

  async function unsent(lane: Lane, transaction: OpenTransaction): Promise<StepResult> {
    const last = transaction.attempts.at(-1)
    const result =
      last && last.state !== "refused"
        ? await attempts.resend(lane, transaction, last)
        : await attempts.start(lane, transaction)
    return result === "blocked" ? "blocked" : "moved"
  }

  async function sent(lane: Lane, transaction: OpenTransaction, usedNonces: number): Promise<StepResult> {
    const found = await findReceipt(transaction)
    const effect = found?.receipt.effect
    if (found && effect?.kind === "applied") {
      const { blockNumber, blockHash } = found.receipt
      const inclusion = { hash: found.hash, blockNumber, blockHash, outcomes: effect.outcomes }
      await crash("before-included")
      await log.advance(lane, transaction.id, { to: "included", inclusion })
      await crash("after-included")
      return included(lane, { ...transaction, state: "included", inclusion }, inclusion)
    }
    if (found) return withoutEffect(lane, transaction, found)
    if (usedNonces > transaction.nonce) return passedBy(lane, transaction)
    return notMined(lane, transaction, usedNonces)
  }

  async function included(
    lane: Lane,
    transaction: OpenTransaction,
    inclusion: Inclusion,
  ): Promise<StepResult> {
    const depth = await depthOf(inclusion)
    if (depth === "gone") return reorged(lane, transaction, inclusion)
    if (depth === "shallow") return "waiting"
    const results = operationResults(transaction.operations, inclusion, options.clock.nowMs())
    const registry = options.registries.find(({ address }) => address === transaction.contract)
    const foreignVersion = await highestForeignVersion(transaction.operations, inclusion.outcomes, registry)
    await crash("before-settle")
    await log.settle(lane, transaction.id, { as: "confirmed", results, foreignVersion })
    await crash("after-settle")
    const { nonce, type } = transaction
    await findings.set(lane, "no-effect", type, false)
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
    { hash, receipt }: Found,
  ): Promise<StepResult> {
    if ((await depthOf(receipt)) !== "deep") return "waiting"
    const tries = Math.max(...transaction.operations.map(operation => operation.tries))
    await crash("before-settle")
    await log.settle(lane, transaction.id, { as: "reverted", hash, retryAfterMs: retryMs(tries) })
    await crash("after-settle")
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

  /** The nonce is used and no receipt is ours: perhaps the node lags, so it counts only when deep. */
  async function passedBy(lane: Lane, transaction: OpenTransaction): Promise<StepResult> {
    const deep = await ledger.nonce(lane.address, options.confirmations)
    if (deep <= transaction.nonce) return "waiting"
    if (await findReceipt(transaction)) return "moved"
    await findings.set(lane, "foreign-nonce", null, true)
    await crash("before-settle")
    await log.settle(lane, transaction.id, { as: "lost" })
    await crash("after-settle")
    return "moved"
  }

  async function notMined(lane: Lane, transaction: OpenTransaction, usedNonces: number): Promise<StepResult> {
    const last = transaction.attempts.at(-1)
    if (!last) return "waiting"
    if (last.state === "refused") return restart(lane, transaction)
    const due = last.lastSentAgoMs === null || last.lastSentAgoMs >= options.resendMs
    if (!due) return "waiting"
    const isNext = usedNonces === transaction.nonce
    if (isNext && last.firstSentAgoMs !== null && last.firstSentAgoMs >= options.stuckMs) {
      const { nonce } = transaction
      logger.warn({ lane: lane.address, nonce, sentAgoMs: last.firstSentAgoMs }, "transaction stuck")
      return restart(lane, transaction)
    }
    await attempts.resend(lane, transaction, last)
    return "waiting"
  }

  async function restart(lane: Lane, transaction: OpenTransaction): Promise<StepResult> {
    return (await attempts.start(lane, transaction)) === "sent" ? "moved" : "waiting"
  }

  async function findReceipt(transaction: OpenTransaction): Promise<Found | null> {
    const expected = { contract: transaction.contract, records: transaction.operations.length }
    for (const { hash } of transaction.attempts.toReversed()) {
      const receipt = await ledger.receipt(hash, expected)
      if (receipt) return { hash, receipt }
    }
    return null
  }

  /** By block hash, not by what the receipt says: a receipt can be served from a block that is no longer the chain's. */
  async function depthOf(block: {
    blockNumber: number
    blockHash: Hex
  }): Promise<"gone" | "shallow" | "deep"> {
    const tip = block.blockNumber + options.confirmations - 1
    const isDeep = options.confirmations === 1 || (await ledger.blockHash(tip)) !== null
    if ((await ledger.blockHash(block.blockNumber)) !== block.blockHash) return "gone"
    return isDeep ? "deep" : "shallow"
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
        return included(lane, transaction, transaction.inclusion)
    }
  }
}

interface Found {
  readonly hash: Hex
  readonly receipt: Receipt
}
