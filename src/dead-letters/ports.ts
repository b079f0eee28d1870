import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"

/** What is set aside and why. Never a payload's contents: ids, a reason code and names of fields. */
export interface NewDeadLetter {
  /** Who set it aside: `relay`, or a consumer: `chain-writer`, `projector`, `write-back`. One event is set aside once a source. */
  readonly source: string
  /** A short code such as `bad-payload`; never an error's text, which may quote a value. */
  readonly reason: string
  readonly eventId?: string | null
  readonly position?: Position | null
  readonly type?: string | null
  readonly subject?: Subject | null
  readonly topic?: string | null
  readonly partition?: number | null
  readonly offset?: bigint | null
  /** Which fields were wrong, by name. */
  readonly fields?: readonly string[]
  /** Later events of the subject wait until it is settled: needs event id, position and subject. */
  readonly blocksSubject?: boolean
}

export const DEAD_LETTER_STATES = ["open", "requeued", "resolved", "discarded"] as const
/** `requeued`: the relay is to send it again. `resolved`: it went through. The last two are settled. */
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number]

export interface DeadLetter {
  /** Rises in the order they were set aside. */
  readonly id: bigint
  readonly source: string
  readonly reason: string
  readonly eventId: string | null
  readonly position: Position | null
  readonly type: string | null
  readonly subject: Subject | null
  readonly topic: string | null
  readonly partition: number | null
  readonly offset: bigint | null
  /** A row of the app that could not be made an event. */
  readonly appTable: string | null
  readonly appRowId: bigint | null
  readonly fields: readonly string[]
  readonly blocksSubject: boolean
  readonly state: DeadLetterState
  /** How often it failed. */
  readonly attempts: number
  readonly createdAtMs: number
  readonly changedAtMs: number
  readonly discardedBy: string | null
  readonly discardReason: string | null
}

/** All that are given must hold. */
export interface DeadLetterFilter {
  readonly ids?: readonly bigint[]
  readonly states?: readonly DeadLetterState[]
  readonly source?: string
  readonly reason?: string
  readonly type?: string
  readonly subject?: Subject
}

export interface DeadLetterSummary {
  /** Open or requeued. */
  readonly unsettled: number
  readonly requeued: number
  readonly blockedSubjects: number
  /** Unix milliseconds; of the oldest unsettled one. */
  readonly oldestMs: number | null
}

/** Port: what was set aside. Rules for whoever implements it: rows come in the order of `id`, none twice over pages. */
export interface DeadLetters {
  /** At most `limit` rows with an id above `after`. */
  list(page: {
    readonly limit: number
    readonly after?: bigint
    readonly filter?: DeadLetterFilter
  }): Promise<readonly DeadLetter[]>
  /** Those that are not settled. */
  count(): Promise<number>
  summary(): Promise<DeadLetterSummary>
}
