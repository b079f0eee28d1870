import type { OperationType } from "../domain/operation.ts"
import type { Logger } from "../runtime/logger.ts"
import { batchGasLimit, type GasCosts } from "./batch.ts"
import { half } from "./batch-sizes.ts"
import type { CrashHook } from "./crash-points.ts"
import { bumpedFees, type FeePolicy, initialFees } from "./fees.ts"
import type { Findings } from "./findings.ts"
import type {
  BatchTransaction,
  ChainTerms,
  Lane,
  Ledger,
  OpenTransaction,
  SignedAttempt,
  SignedTransaction,
  Signer,
  TransactionLog,
} from "./ports.ts"

/**
 * `sent`: a node has it, or its nonce is used; watching tells the rest. `again`: no, and a new attempt may do.
 * `blocked`: no, and nothing behind it may be sent either.
 */
export type SendResult = "sent" | "again" | "blocked"

export interface AttemptsOptions {
  readonly log: TransactionLog
  readonly ledger: Ledger
  readonly signer: Signer
  readonly findings: Findings
  readonly fees: FeePolicy
  readonly gas: GasCosts
  readonly crash: CrashHook
  readonly logger: Logger
}

/** Signs, stores and sends: in this order, so that no byte is ever on the network that the log does not have. */
export interface Attempts {
  /**
   * The first attempt of a nonce, or one with higher fees that replaces the others. `asked`: what the chain asked a moment
   * ago, when it is known.
   */
  start(lane: Lane, transaction: OpenTransaction, asked?: ChainTerms): Promise<SendResult>
  /** The same bytes: the only thing that may be sent when it is not known what became of them. */
  resend(lane: Lane, transaction: OpenTransaction, attempt: SignedAttempt): Promise<SendResult>
}

export function createAttempts(options: AttemptsOptions): Attempts {
  const { log, ledger, signer, findings, crash, logger } = options

  async function start(
    lane: Lane,
    transaction: OpenTransaction,
    asked?: ChainTerms,
    records = transaction.attempts.at(-1)?.records ?? transaction.operations.length,
  ): Promise<SendResult> {
    const terms = asked ?? (await ledger.terms())
    // The last is the one with the highest fees, and what the pool measures a replacement against.
    const previous = transaction.attempts.at(-1)
    const fees = previous ? bumpedFees(previous, terms, options.fees) : initialFees(terms, options.fees)
    await findings.set(lane, "fee-cap", null, fees === null)
    if (fees === null) {
      // At the cap: what was signed last is all that can be offered, until fees fall.
      const last = transaction.attempts.at(-1)
      return last ? resend(lane, transaction, last) : "blocked"
    }
    const gasLimit = batchGasLimit(records, options.gas)
    const { nonce, contract } = transaction
    const payload = transaction.operations.slice(0, records)
    const { pricing } = terms
    const signed = await sign(lane, { nonce, contract, records: payload, gasLimit, pricing, ...fees })
    if (!signed) return "blocked"
    await crash("before-save-attempt")
    const attempt = { ...signed, records, gasLimit, ...fees }
    await log.saveAttempt(lane, transaction.id, attempt)
    await crash("after-save-attempt")
    return resend(lane, transaction, attempt)
  }

  /** Null when the signer, which may be elsewhere, gave nothing to be used: the lane goes on watching, and asks again. */
  async function sign(lane: Lane, batch: BatchTransaction): Promise<SignedTransaction | null> {
    let signed: SignedTransaction | null = null
    try {
      signed = await signer.sign(batch)
    } catch (error) {
      logger.warn({ lane: lane.address, nonce: batch.nonce, err: error }, "no signature, will ask again")
    }
    await findings.set(lane, "not-signed", null, signed === null)
    return signed
  }

  async function resend(
    lane: Lane,
    transaction: OpenTransaction,
    attempt: SignedAttempt,
  ): Promise<SendResult> {
    const outcome = await ledger.broadcast(attempt)
    await crash("after-broadcast")
    const ids = { lane: lane.address, nonce: transaction.nonce, hash: attempt.hash, outcome: outcome.kind }
    logger.debug(ids, "transaction sent")
    await noteRefusal(lane, transaction.type, outcome.kind)
    switch (outcome.kind) {
      case "accepted":
      case "already-known":
      case "reverted":
      case "nonce-too-low":
        await log.advance(lane, transaction.id, { to: "sent", hash: attempt.hash })
        await crash("after-sent")
        return "sent"
      case "underpriced":
        // The nonce stays open, so another attempt of it can carry the same payload.
        await log.advance(lane, transaction.id, { to: "refused", hash: attempt.hash })
        return findings.has("fee-cap") ? "blocked" : "again"
      case "too-large":
        await log.advance(lane, transaction.id, { to: "refused", hash: attempt.hash })
        return split(lane, transaction, attempt)
      case "rejected":
        logger.warn({ ...ids, detail: outcome.detail }, "the node refuses the transaction")
        return "blocked"
      case "unknown":
        logger.info(
          { ...ids, detail: outcome.detail },
          "no answer to a transaction, will send the same again",
        )
        return "blocked"
      case "nonce-too-high":
      case "insufficient-funds":
        return "blocked"
    }
  }

  /** The same nonce with the payload's first half; the other half is free again when this one is settled. */
  async function split(
    lane: Lane,
    transaction: OpenTransaction,
    attempt: SignedAttempt,
  ): Promise<SendResult> {
    if (attempt.records === 1) {
      await findings.set(lane, "transaction-refused", transaction.type, true)
      return "blocked"
    }
    const records = half(attempt.records)
    logger.warn(
      { lane: lane.address, nonce: transaction.nonce, records },
      "the node finds the batch too large: sending half of it",
    )
    return start(lane, transaction, undefined, records)
  }

  async function noteRefusal(lane: Lane, type: OperationType, outcome: string): Promise<void> {
    if (outcome === "unknown" || outcome === "nonce-too-high" || outcome === "too-large") return
    await findings.set(lane, "transaction-refused", type, outcome === "rejected")
    await findings.set(lane, "insufficient-funds", null, outcome === "insufficient-funds")
  }

  return { start, resend }
}
