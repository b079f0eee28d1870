import type { MalformedMessage } from "../bus/consume.ts"
import type { NewEvent } from "../domain/event.ts"
import type { OperationType } from "../domain/operation.ts"
import type { OperationKind } from "../domain/operations/index.ts"
import type { Outcome, Verdict } from "../domain/outcome.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"
import type { Finding } from "./finding.ts"

/** `0x` and lower-case hex digits: addresses (20 bytes), hashes (32 bytes), signed transactions. */
export type Hex = `0x${string}`

/** What the chain writer keeps of a request. The word is fixed here: a later release must not change what was asked. */
export interface QueuedOperation {
  readonly eventId: string
  readonly position: Position
  readonly type: OperationType
  readonly kind: OperationKind
  readonly subject: Subject
  readonly word: bigint
  readonly traceparent: string | null
}

export interface IntakeBatch {
  readonly consumerGroup: string
  readonly topic: string
  readonly partition: number
  readonly operations: readonly QueuedOperation[]
  readonly malformed: readonly MalformedMessage[]
  readonly nextOffset: bigint
}

/** Port: where requests wait for the chain. */
export interface OperationQueue {
  /** Where to go on in a partition; null if nothing was ever accepted from it. */
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  /**
   * Stores the operations whose id is absent, the malformed messages as dead letters, and the offset, all or nothing.
   * The same batch again changes nothing.
   */
  accept(batch: IntakeBatch): Promise<{ readonly added: number }>
  /** How many operations wait to be claimed. */
  pending(): Promise<number>
}

/** The right to use one signing account, until a higher epoch exists. */
export interface Lane {
  readonly address: Hex
  readonly epoch: bigint
}

export type LeaseOutcome =
  | { readonly kind: "leased"; readonly lane: Lane; readonly nextNonce: number }
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
  /** Lets the next one have it at once. Does nothing if the lease is lost. */
  release(lane: Lane): Promise<void>
  /** Sets or ends a finding of this lane, of one operation type where it concerns only that. */
  setFinding(lane: Lane, finding: Finding, type: OperationType | null, present: boolean): Promise<void>
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

/** One nonce of a lane with its payload. All attempts of it carry the same payload. */
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

/** In a block, with one outcome for each record. */
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
  ready(): Promise<readonly OperationType[]>
  /**
   * Claims up to `limit` operations and gives them the lane's next nonce, at least `atLeastNonce`; null if there are none.
   * In the order of positions, and an operation only when every earlier one of its subject is final, included or in this
   * same batch: a later nonce of the same lane is not enough, for a batch that runs out of gas lets the next one pass.
   */
  reserve(
    lane: Lane,
    claim: {
      readonly type: OperationType
      readonly contract: Hex
      readonly limit: number
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
  /** The bytes of settled transactions from this nonce on, lowest first: a deep reorg needs them again. */
  settledBytes(lane: Lane, fromNonce: number): Promise<readonly { readonly hash: Hex; readonly raw: Hex }[]>
}

/** What a node said when it was given a signed transaction. */
export type BroadcastOutcome =
  | { readonly kind: "accepted" }
  /** It has these very bytes already. */
  | { readonly kind: "already-known" }
  /** It was mined at once and reverted (development nodes answer so); its receipt tells the rest. */
  | { readonly kind: "reverted" }
  /** The nonce is used, perhaps by an attempt of ours. */
  | { readonly kind: "nonce-too-low" }
  | { readonly kind: "nonce-too-high" }
  | { readonly kind: "underpriced" }
  | { readonly kind: "insufficient-funds" }
  /** Not acceptable as it is: too much gas, wrong chain, malformed. */
  | { readonly kind: "rejected"; readonly detail: string }
  /** No answer, or none that tells whether it was taken: only the same bytes may be sent again. */
  | { readonly kind: "unknown"; readonly detail: string }

export interface ChainTerms {
  readonly baseFeePerGasWei: bigint
  readonly priorityFeePerGasWei: bigint
  readonly blockGasLimit: bigint
}

export type TransactionEffect =
  /** Exactly one event of our contract, with one outcome a record. */
  | { readonly kind: "applied"; readonly outcomes: readonly Outcome[] }
  | { readonly kind: "reverted" }
  /** Status 1, but our contract did not say what it should: no code at the address, or other code. */
  | { readonly kind: "no-effect" }

export interface Receipt {
  readonly blockNumber: number
  readonly blockHash: Hex
  readonly effect: TransactionEffect
}

/** Port: one chain. Every method but `broadcast` throws when the node cannot be asked. */
export interface Ledger {
  /** How many nonces of the account are used, in the block that is `depth` deep (1: the newest). */
  nonce(address: Hex, depth: number): Promise<number>
  balanceWei(address: Hex): Promise<bigint>
  terms(): Promise<ChainTerms>
  /** Never throws. */
  broadcast(transaction: { readonly raw: Hex; readonly hash: Hex }): Promise<BroadcastOutcome>
  /** Null while it is in no block. */
  receipt(hash: Hex, expected: { readonly contract: Hex; readonly records: number }): Promise<Receipt | null>
  /** The hash of the chain's block at this height; null if it has none. */
  blockHash(blockNumber: number): Promise<Hex | null>
}

/** What keeps a lane from writing to a registry. */
export type Obstacle = "paused" | "no-writer-role" | "no-contract"

/** Port: one registry contract, read at the newest block. */
export interface Registry {
  readonly type: OperationType
  readonly address: Hex
  obstacle(writer: Hex): Promise<Obstacle | null>
  /** The stored words, 0 where nothing is stored. */
  words(subjects: readonly Subject[]): Promise<readonly bigint[]>
}

export interface BatchTransaction {
  readonly nonce: number
  readonly contract: Hex
  readonly records: readonly { readonly subject: Subject; readonly word: bigint }[]
  readonly gasLimit: bigint
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

/** Port: one lane's key. Throws when it cannot sign; nothing is sent then. */
export interface Signer {
  readonly address: Hex
  sign(transaction: BatchTransaction): Promise<{ readonly hash: Hex; readonly raw: Hex }>
}

/** What the chain writer has done and has before it. */
export interface ChainWriterStatus {
  readonly pending: number
  readonly claimed: number
  readonly included: number
  readonly final: number
  /** Null if nothing is pending. */
  readonly oldestPendingAgeMs: number | null
  readonly openTransactions: number
  readonly findings: readonly {
    readonly lane: Hex
    readonly type: OperationType | null
    readonly finding: Finding
    readonly sinceMs: number
  }[]
}
