import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"

/** What is set aside and why. Never a payload's contents: ids, a reason code and names of fields. */
export interface NewDeadLetter {
  /** Who set it aside, for example `relay`, `intake`, `projector`. One event is set aside once a source. */
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
}

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
  readonly fields: readonly string[]
  readonly createdAtMs: number
}

/** Port: what was set aside. Rules for whoever implements it: rows come in the order of `id`, none twice over pages. */
export interface DeadLetters {
  /** At most `limit` rows with an id above `after`. */
  list(page: { readonly limit: number; readonly after?: bigint }): Promise<readonly DeadLetter[]>
  count(): Promise<number>
}
