import type { BatchOutcome, MalformedMessage, OffsetStep } from "../bus/consume.ts"
import type { NewEvent } from "../domain/event.ts"
import type { OperationType } from "../domain/operation.ts"
import type { OperationKind } from "../domain/operations/index.ts"
import type { Outcome, Verdict } from "../domain/outcome.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"
import type { Finding } from "./finding.ts"
import type { Hex } from "./ledger-ports.ts"

export type * from "./ledger-ports.ts"

/** What the chain writer keeps of a request. The word is fixed here: a later release must not change what was asked. */
export interface QueuedOperation {
  readonly eventId: string
  readonly position: Position
  readonly type: OperationType
  readonly kind: OperationKind
  readonly subject: Subject
  readonly word: bigint
  readonly traceparent: string | null
  readonly backfill: boolean
}

/** How many operations of each mark. */
export interface Counts {
  readonly live: number
  readonly backfill: number
}

export interface IntakeBatch extends OffsetStep {
  readonly operations: readonly QueuedOperation[]
  readonly malformed: readonly MalformedMessage[]
}

/** Port: where requests wait for the chain. */
export interface OperationQueue {
  /** Where to go on in a partition; null if nothing was ever accepted from it. */
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  /**
   * Stores the operations whose id is absent, the malformed messages as dead letters, and the offset, all or nothing.
   * Nothing at all if the stored offset is not the batch's `storedOffset`: "moved". An operation that comes again, in this
   * batch or in another, is not added again. A live operation makes live the backfill of its subject before it.
   */
  accept(batch: IntakeBatch): Promise<BatchOutcome & { readonly added: number }>
  /** How many operations wait to be claimed. */
  pending(): Promise<Counts>
}

/** The right to use one signing account, until a higher epoch exists. */
export interface Lane {
  readonly address: Hex
  readonly epoch: bigint
}

export type LeaseOutcome =
  | {
      readonly kind: "leased"
      readonly lane: Lane
      readonly nextNonce: number
      /** A person wants it empty: nothing new is begun. */
      readonly draining: boolean
      /** Nothing new is begun until a person has looked: see `halt`. */
      readonly halted: boolean
    }
  | { readonly kind: "held" }
  /** The lane's nonces belong to another chain (a development chain that was reset): nothing may be sent. */
  | { readonly kind: "other-chain" }

/** Thrown by every write of a lane whose epoch has passed: someone else holds it, and nothing was written. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError"
}

/** Port: who may use which signing account. Time is the store's own: hosts' clocks differ. */
export interface Lanes {
  /**
   * Takes the lane if it is free or its lease is over, with a new epoch; prolongs it, with the same epoch, if `holder`
   * has it. The first lease ties the lane to its chain's genesis hash.
   */
  lease(request: {
    readonly address: Hex
    readonly holder: string
    readonly leaseMs: number
    readonly genesisHash: Hex
  }): Promise<LeaseOutcome>
  /** Lets the next one have it at once, and ends what was found, as a new lease does. Does nothing if the lease is lost. */
  release(lane: Lane): Promise<void>
  /** Sets or ends a finding of this lane, of one operation type where it concerns only that. */
  setFinding(lane: Lane, finding: Finding, type: OperationType | null, present: boolean): Promise<void>
  /** Stores the finding, and lets the lane reserve nothing more until a person resumes it. */
  halt(lane: Lane, finding: Finding): Promise<void>
}

export interface ClaimedOperation {
  readonly eventId: string
  readonly position: Position
  readonly kind: OperationKind
  readonly subject: Subject
  readonly word: bigint
  readonly traceparent: string | null
  /** How often it was on the chain, or sent there, without a final outcome. */
  readonly tries: number
}

/** `signed`: stored, perhaps sent. `sent`: a node has had it. `refused`: the node said no, and why is mended by fees. */
export type AttemptState = "signed" | "sent" | "refused"

export interface SignedAttempt {
  readonly hash: Hex
  /** It carries so many of the payload's operations, from the first on: a batch that no block takes is cut. */
  readonly records: number
  /** The signed transaction: sent again as it is, never signed anew for the same content. */
  readonly raw: Hex
  readonly gasLimit: bigint
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

export interface Attempt extends SignedAttempt {
  readonly state: AttemptState
  /** Since it was first sent; null if never. */
  readonly firstSentAgoMs: number | null
  /** Since it was last sent; null if never. */
  readonly lastSentAgoMs: number | null
}

/** One nonce of a lane with its payload. Each attempt carries the payload or its first part; the mined one decides. */
export interface OpenTransaction {
  readonly id: bigint
  readonly nonce: number
  readonly type: OperationType
  /** The registry's address at the time of the claim. */
  readonly contract: Hex
  readonly state: "reserved" | "signed" | "sent" | "included"
  /** In the order of the payload's records. */
  readonly operations: readonly ClaimedOperation[]
  /** Oldest first. */
  readonly attempts: readonly Attempt[]
  readonly inclusion: Inclusion | null
}

/** In a block, with one outcome for each record of that attempt: the payload's operations after them were not in it. */
export interface Inclusion {
  readonly hash: Hex
  readonly blockNumber: number
  readonly blockHash: Hex
  readonly outcomes: readonly Outcome[]
}

export interface OperationResult {
  readonly eventId: string
  readonly outcome: Outcome
  readonly next:
    | { readonly verdict: Exclude<Verdict, "try-again">; readonly event: NewEvent }
    | { readonly verdict: "try-again"; readonly retryAfterMs: number }
}

export type Advance =
  | { readonly to: "sent"; readonly hash: Hex }
  | { readonly to: "refused"; readonly hash: Hex }
  | { readonly to: "included"; readonly inclusion: Inclusion }
  /** The block it was in is no longer the chain's: back to `sent`, its operations back to claimed. */
  | { readonly to: "reorged" }

export type Settlement =
  | {
      readonly as: "confirmed"
      readonly results: readonly OperationResult[]
      /** The highest version seen on the chain that is ahead of an operation of ours; the log's clock goes above it. */
      readonly foreignVersion: Position | null
    }
  /** The nonce is used and nothing took effect. */
  | { readonly as: "reverted"; readonly hash: Hex; readonly retryAfterMs: number }
  /** Another transaction, not ours, has used the nonce. */
  | { readonly as: "lost" }

/**
 * Port: the write-ahead log of one lane's transactions. Every write throws LeaseLostError, and writes nothing, when the
 * lane's epoch has passed. A state change is one transaction with all that belongs to it.
 */
export interface TransactionLog {
  /** Operation types with something to claim now. */
  ready(): Promise<readonly ReadyType[]>
  /** How many of a type wait to be claimed, of each mark, each counted no further than `most`. */
  waiting(type: OperationType, most: number): Promise<Counts>
  /**
   * Claims up to `limit` operations and gives them the lane's next nonce, at least `atLeastNonce`; null if there are none,
   * and while the lane is drained or halted.
   * In the order of positions, and an operation only when every earlier one of its subject is final, included or in this
   * same batch: a later nonce of the same lane is not enough, for a batch that runs out of gas lets the next one pass.
   * Live operations before backfill, but for `backfillShare` places where so many of that wait.
   */
  reserve(
    lane: Lane,
    claim: {
      readonly type: OperationType
      readonly contract: Hex
      readonly limit: number
      readonly backfillShare: number
      readonly atLeastNonce: number
    },
  ): Promise<OpenTransaction | null>
  /** What is not settled, in the order of nonces. */
  open(lane: Lane): Promise<readonly OpenTransaction[]>
  /** Must be done before the bytes leave this process. */
  saveAttempt(lane: Lane, transactionId: bigint, attempt: SignedAttempt): Promise<void>
  advance(lane: Lane, transactionId: bigint, advance: Advance): Promise<void>
  /** Marks the operations final and appends their result events, or gives them back to be claimed. */
  settle(lane: Lane, transactionId: bigint, settlement: Settlement): Promise<void>
  /** The bytes of so many settled transactions from this nonce on, lowest first: a deep reorg needs them again. */
  settledBytes(
    lane: Lane,
    fromNonce: number,
    most: number,
  ): Promise<readonly { readonly hash: Hex; readonly raw: Hex }[]>
  /** Confirmed transactions below this nonce, highest first, without those that the chain has since contradicted. */
  confirmed(lane: Lane, belowNonce: number, limit: number): Promise<readonly ConfirmedTransaction[]>
  /** A confirmed transaction was mined again in another block, to the same end. */
  moveConfirmed(lane: Lane, transactionId: bigint, to: Omit<Inclusion, "outcomes">): Promise<void>
  /** The chain says something else by now than what was confirmed: these operations wait for a person as dead letters. */
  contradict(lane: Lane, transactionId: bigint, eventIds: readonly string[]): Promise<void>
}

/** A transaction whose results were told. */
export interface ConfirmedTransaction {
  readonly id: bigint
  readonly nonce: number
  readonly contract: Hex
  readonly inclusion: Inclusion
  readonly operations: readonly ClaimedOperation[]
  readonly attempts: readonly Attempt[]
}

export interface ReadyType {
  readonly type: OperationType
  readonly live: boolean
  readonly backfill: boolean
}

/** What the chain writer has done and has before it. */
export interface ChainWriterStatus {
  readonly pending: number
  readonly claimed: number
  readonly included: number
  readonly final: number
  /** Of live ones, for backfill is meant to wait. Null if none is pending. */
  readonly oldestPendingAgeMs: number | null
  readonly openTransactions: number
  readonly findings: readonly {
    readonly lane: Hex
    readonly type: OperationType | null
    readonly finding: Finding
    readonly sinceMs: number
  }[]
}
