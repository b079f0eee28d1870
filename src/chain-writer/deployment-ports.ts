import type { OperationType } from "../domain/operation.ts"
import type { OperationKind } from "../domain/operations/index.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"
import type { SubjectState } from "../domain/subject-state.ts"
import type { Hex } from "./ledger-ports.ts"

/** The registries' addresses. */
export type Contracts = Readonly<Record<OperationType, Hex>>

/** The contracts that this branch writes to. */
export interface Deployment {
  readonly genesisHash: Hex
  readonly contracts: Contracts
}

/** New contracts that are brought to what the log says. While there is one, no other operation is begun. */
export interface Rebuild {
  readonly id: bigint
  readonly genesisHash: Hex
  /** Null until they are made. */
  readonly contracts: Contracts | null
  /** Whether it is known what each subject's word has to be. */
  readonly planned: boolean
  /** How often what was missing has been asked for. */
  readonly rounds: number
}

export type Begun =
  | { readonly kind: "begun"; readonly rebuild: Rebuild }
  /** One was begun before and not brought to its end: this is it. */
  | { readonly kind: "resumed"; readonly rebuild: Rebuild }
  /** Lanes have nonces on another chain than this one. */
  | { readonly kind: "other-chain"; readonly lanes: readonly Hex[] }

/**
 * Port: which contracts a branch writes to. Rules for whoever implements it:
 * - once there is an active deployment, operations are reserved for its contracts only, whoever asks;
 * - from `begin` to `activate` or `abandon` nothing but what the rebuild asks for is reserved: what was being reserved
 *   when `begin` was called is visible when it returns;
 * - while a rebuild goes on its holders alone get leases of lanes that have nothing open.
 */
export interface Deployments {
  current(): Promise<{ readonly active: Deployment | null; readonly rebuild: Rebuild | null }>
  /** Makes it the active one if there is none yet; gives the active one. */
  adopt(deployment: Deployment): Promise<Deployment>
  /**
   * `leaveChain`: lanes with nonces on another chain give it up for good. What they had open there counts as not done,
   * and is pending again.
   */
  begin(request: { readonly genesisHash: Hex; readonly leaveChain: boolean }): Promise<Begun>
  setContracts(id: bigint, contracts: Contracts): Promise<void>
  /** The rebuilt contracts are the active ones from now on, those before them are retired. */
  activate(id: bigint): Promise<void>
  /** Everything is as it was before; what was written to the new contracts is of no consequence. */
  abandon(id: bigint): Promise<void>
}

/** A record that a rebuild asks for. */
export interface RebuildRecord {
  readonly subject: Subject
  readonly type: OperationType
  readonly kind: OperationKind
  readonly version: Position
  readonly word: bigint
}

/** Port: what a rebuild has to bring about, and what of it is on its way. */
export interface RebuildPlan {
  /** Of each subject the state of the highest version is kept; `ended` marks the state of just that version, if kept. */
  stage(
    id: bigint,
    page: {
      readonly states: readonly SubjectState[]
      readonly ended: readonly { readonly subject: Subject; readonly version: Position }[]
    },
  ): Promise<void>
  /** All is staged. */
  finish(id: bigint): Promise<void>
  /** In the order of subjects, those after `after`. */
  page(id: bigint, after: Subject | null, limit: number): Promise<readonly SubjectState[]>
  /**
   * Puts the records before the lanes, as operations without a result event. The same record of the same round again is
   * not a second one.
   */
  ask(id: bigint, round: number, records: readonly RebuildRecord[]): Promise<void>
  finishRound(id: bigint, round: number): Promise<void>
  /** How many of the records asked for are not final. */
  unfinished(id: bigint): Promise<number>
}
