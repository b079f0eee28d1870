import type { OperationType } from "../domain/operation.ts"
import type { Outcome } from "../domain/outcome.ts"
import type { Subject } from "../domain/subject.ts"

/** `0x` and lower-case hex digits: addresses (20 bytes), hashes (32 bytes), signed transactions. */
export type Hex = `0x${string}`

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
  /** More gas or bytes than this chain takes in one transaction: fewer records may fit. */
  | { readonly kind: "too-large" }
  /** Not acceptable as it is: wrong chain, malformed. */
  | { readonly kind: "rejected"; readonly detail: string }
  /** No answer, or none that tells whether it was taken: only the same bytes may be sent again. */
  | { readonly kind: "unknown"; readonly detail: string }

export interface ChainTerms {
  /** A chain without base fee takes transactions with one gas price only (type 0). */
  readonly pricing: "eip-1559" | "gas-price"
  /** Of the next block; 0 where there is none. */
  readonly baseFeePerGasWei: bigint
  /** The usual tip; on a chain without base fee the whole gas price. */
  readonly priorityFeePerGasWei: bigint
  readonly blockGasLimit: bigint
}

export type TransactionEffect =
  /** Exactly one event of our contract, with one outcome a record. */
  | { readonly kind: "applied"; readonly outcomes: readonly Outcome[] }
  | { readonly kind: "reverted" }
  /** Status 1, but our contract did not say what it should: no code at the address, or other code. */
  | { readonly kind: "no-effect" }

export interface ExpectedEffect {
  readonly contract: Hex
  readonly records: number
}

export interface Receipt {
  readonly blockNumber: number
  readonly blockHash: Hex
  readonly gasUsed: bigint
  readonly effect: TransactionEffect
}

/** How deep a block must be before what it says is final: so many blocks (1: the newest), or what the chain calls final. */
export type Depth = number | "finalized"

/** Port: one chain. Every method but `broadcast` throws when the node cannot be asked, or answers what was not asked. */
export interface Ledger {
  /** How many nonces of the account are used, in the newest block that is so deep. */
  nonce(address: Hex, depth: Depth): Promise<number>
  /** The same after the block of this number; null if the node does not keep the state of that time. */
  nonceAt(address: Hex, blockNumber: number): Promise<number | null>
  /** The height of the newest block that is so deep; -1 if there is none. */
  height(depth: Depth): Promise<number>
  balanceWei(address: Hex): Promise<bigint>
  terms(): Promise<ChainTerms>
  /** Never throws. */
  broadcast(transaction: { readonly raw: Hex; readonly hash: Hex }): Promise<BroadcastOutcome>
  /** Null while it is in no block. */
  receipt(hash: Hex, expected: ExpectedEffect): Promise<Receipt | null>
  /** The hash of the chain's block at this height; null if it has none. */
  blockHash(blockNumber: number): Promise<Hex | null>
  /** With the hashes of its transactions. */
  block(blockNumber: number): Promise<Block | null>
}

export interface Block {
  readonly hash: Hex
  readonly timestampSeconds: number
  readonly transactions: readonly Hex[]
}

/**
 * What keeps a lane from writing to a registry. `no-contract`: none, or another than this service was made for.
 * `contracts-replaced`: the branch writes to others by now.
 */
export type Obstacle = "paused" | "no-writer-role" | "no-contract" | "contracts-replaced"

/** Port: one registry contract, read at the newest block where no other is named. */
export interface Registry {
  readonly type: OperationType
  readonly address: Hex
  obstacle(writer: Hex): Promise<Obstacle | null>
  /** The stored words, 0 where nothing is stored. */
  words(subjects: readonly Subject[]): Promise<readonly bigint[]>
  /** After the block of this number; null if the node does not keep the state of that time. */
  wordsAt(subjects: readonly Subject[], blockNumber: number): Promise<readonly bigint[] | null>
  /** The rolling hash over a writer's executed batches after that block; null as for the words. */
  head(writer: Hex, blockNumber: number): Promise<Hex | null>
}

export interface BatchTransaction {
  readonly nonce: number
  readonly contract: Hex
  readonly records: readonly { readonly subject: Subject; readonly word: bigint }[]
  readonly gasLimit: bigint
  readonly pricing: ChainTerms["pricing"]
  /** With pricing `gas-price`, that price. */
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

export interface SignedTransaction {
  readonly hash: Hex
  readonly raw: Hex
}

/**
 * Port: one lane's key, which may be held elsewhere. Throws when it cannot sign, or when what came back is not just what
 * was asked for, by that key; nothing is stored or sent then. The same batch gives the same bytes.
 */
export interface Signer {
  readonly address: Hex
  sign(transaction: BatchTransaction): Promise<SignedTransaction>
}
