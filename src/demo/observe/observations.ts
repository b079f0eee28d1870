import type { OperationType } from "../../domain/operation.ts"
import type { Outcome } from "../../domain/outcome.ts"
import type { Position } from "../../domain/position.ts"
import type { Subject } from "../../domain/subject.ts"

/** What can be seen from outside, when all is done. The checker gets this and the generator's record, no more. */
export interface Observations {
  readonly log: readonly LoggedEvent[]
  readonly deadLetters: readonly { readonly eventId: string | null; readonly reason: string }[]
  readonly chain: ChainHistory
  /** The stored word of every subject of the day; 0n where nothing is stored. */
  readonly words: ReadonlyMap<Subject, bigint>
  /** What the contracts' own getters say of a sample of subjects. */
  readonly getters: readonly GetterAnswer[]
  readonly rows: ReadonlyMap<Subject, AppRow>
}

export interface LoggedEvent {
  readonly position: Position
  readonly eventId: string
  readonly type: string
  readonly subject: Subject
  readonly payload: Readonly<Record<string, unknown>>
  readonly occurredAtMs: number
  readonly causationId: string | null
}

/** One record of one mined batch and what the contract said of it. */
export interface ChainOutcome {
  readonly registry: OperationType
  readonly subject: Subject
  readonly word: bigint
  readonly outcome: Outcome
  readonly transactionHash: string
}

export interface ChainHistory {
  /** The neighbour's batches included. */
  readonly outcomes: readonly ChainOutcome[]
  /** Of all batches but the neighbour's. */
  readonly gasUsed: bigint
}

export interface GetterAnswer {
  readonly getter: "isIPBlocked" | "isPatientRegistered"
  readonly subject: Subject
  readonly answer: boolean
}

/** A row of the app's own tables. */
export interface AppRow {
  readonly table: "core_patient" | "firewall_blockedip" | "firewall_attackpattern"
  /** `blockchain_registered` or `blockchain_synced`. */
  readonly onChain: boolean
  readonly transactionHash: string
  readonly manual: boolean | null
}
