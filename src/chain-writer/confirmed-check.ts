import { verdictOf } from "../domain/outcome.ts"
import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import { placeOf } from "./depth.ts"
import { createDoubt } from "./doubt.ts"
import { type FoundReceipt, findReceipt } from "./find-receipt.ts"
import type { Findings } from "./findings.ts"
import type {
  ConfirmedTransaction,
  Depth,
  Lane,
  Ledger,
  Registry,
  TransactionEffect,
  TransactionLog,
} from "./ports.ts"
import { createWithoutReceipt } from "./without-receipt.ts"

/** Confirmed transactions looked at in one pass: more than a reorganisation of some hours takes back. */
const MOST = 500
const PAGE = 20

export interface ConfirmedCheckOptions {
  readonly log: TransactionLog
  readonly ledger: Ledger
  readonly registries: readonly Registry[]
  readonly findings: Findings
  readonly confirmations: Depth
  readonly resendMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Whether what was confirmed is still the chain's. False when a reorganisation went deeper than the confirmations: the
 * lane is halted, and the same bytes are sent again until each batch is final once more, or is found contradicted.
 */
export type ConfirmedCheck = (lane: Lane) => Promise<boolean>

export function createConfirmedCheck(options: ConfirmedCheckOptions): ConfirmedCheck {
  const { log, ledger, findings, logger, confirmations } = options
  const reorg = createDoubt({ clock: options.clock, overMs: 0 })
  const withoutReceipt = createWithoutReceipt(options)
  const foreign = createDoubt({ clock: options.clock, overMs: options.resendMs })

  /** Newest first. A block stands on those before it: the first one that is in its place proves the rest. */
  async function undone(lane: Lane): Promise<readonly ConfirmedTransaction[] | "unseen"> {
    const found: ConfirmedTransaction[] = []
    for (let below = Number.MAX_SAFE_INTEGER; found.length < MOST; ) {
      const page = await log.confirmed(lane, below, found.length === 0 ? 1 : PAGE)
      if (page.length === 0) return found
      for (const transaction of page) {
        const place = await placeOf(ledger, transaction.inclusion, 1)
        if (place === "deep") return found
        if (place === "unseen" && found.length === 0) return "unseen"
        found.push(transaction)
        below = transaction.nonce
      }
    }
    return found
  }

  async function repair(lane: Lane, transaction: ConfirmedTransaction, isTold: boolean): Promise<void> {
    const found = await findReceipt(ledger, transaction)
    if (!found) return again(lane, transaction, isTold)
    return judge(lane, transaction, found, isTold)
  }

  async function judge(
    lane: Lane,
    transaction: ConfirmedTransaction,
    found: FoundReceipt,
    isTold: boolean,
  ): Promise<void> {
    if (!isTold) return
    const { attempt, receipt } = found
    const { blockNumber, blockHash, effect } = receipt
    if ((await placeOf(ledger, receipt, confirmations)) !== "deep") return
    const wrong = contradictedBy(transaction, effect)
    if (wrong.length > 0) return contradicted(lane, transaction, wrong)
    await log.moveConfirmed(lane, transaction.id, { hash: attempt.hash, blockNumber, blockHash })
  }

  async function again(lane: Lane, transaction: ConfirmedTransaction, isTold: boolean): Promise<void> {
    const { inclusion, attempts, nonce, contract, operations } = transaction
    const used = await ledger.nonce(lane.address, confirmations)
    if (foreign.settled(`${nonce}`, used > nonce ? "passed" : null)) {
      const other = await withoutReceipt(lane, transaction)
      if (other === "unseen") return
      if (other !== "foreign") return judge(lane, transaction, other, isTold)
      return contradicted(
        lane,
        transaction,
        operations.map(({ eventId }) => eventId),
      )
    }
    // On a chain without our contract the bytes would only use up the nonce.
    const registry = options.registries.find(({ address }) => address === contract)
    if (!registry || (await registry.obstacle(lane.address)) === "no-contract") return
    const mined = attempts.find(({ hash }) => hash === inclusion.hash)
    if (mined) await ledger.broadcast(mined)
  }

  async function contradicted(
    lane: Lane,
    transaction: ConfirmedTransaction,
    eventIds: readonly string[],
  ): Promise<void> {
    await findings.halt(lane, "result-contradicted")
    await log.contradict(lane, transaction.id, eventIds)
    const { nonce } = transaction
    logger.error({ lane: lane.address, nonce, eventIds }, "the chain contradicts results that were told")
  }

  return async lane => {
    const found = await undone(lane)
    if (found === "unseen") return false
    const deeper = reorg.settled("confirmed", found.length > 0 ? "undone" : null)
    if (found.length === 0) return true
    if (deeper && !findings.has("reorg-too-deep")) await findings.halt(lane, "reorg-too-deep")
    // The bytes at once; what it came to only when a person is told.
    const isTold = findings.has("reorg-too-deep")
    for (const transaction of found.toReversed()) await repair(lane, transaction, isTold)
    return false
  }
}

/** The operations whose told result is not what the chain says now. One told nothing, being tried again, has none. */
export function contradictedBy(
  { operations, inclusion }: Pick<ConfirmedTransaction, "operations" | "inclusion">,
  effect: TransactionEffect,
): readonly string[] {
  return inclusion.outcomes.flatMap((told, index) => {
    const now = effect.kind === "applied" ? effect.outcomes[index] : undefined
    const verdict = verdictOf(told)
    if (verdict === "try-again" || (now !== undefined && verdictOf(now) === verdict)) return []
    return operations[index]?.eventId ?? []
  })
}
