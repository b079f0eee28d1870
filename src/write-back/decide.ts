import type { Position } from "../domain/position.ts"

/** The app's row as it was found; `here` means that nobody else can change it until the decision is written. */
export type FoundRow =
  | { readonly state: "absent" }
  | { readonly state: "locked" }
  | {
      readonly state: "here"
      /** Position of the newest operation the row tells of. */
      readonly newest: Position
      readonly manual: boolean
      /** Until its own expiry by the database clock; 0 or less when that has passed; null for rows without one. */
      readonly expiresInMs: number | null
    }

export type Decision =
  | { readonly do: "set-flag" }
  | { readonly do: "delete" }
  /** Settled without touching the row. */
  | { readonly do: "leave" }
  | { readonly do: "wait"; readonly ms: number }

/** The app's transactions are short as a rule; a second is much less than what waits behind a Kafka partition. */
const LOCKED_RETRY_MS = 1_000

/** Whether a confirmed operation is told to the app's row. One that is not the newest is told by its successor. */
export function decideFlag(operation: Position, row: FoundRow): Decision {
  if (row.state === "locked") return { do: "wait", ms: LOCKED_RETRY_MS }
  return row.state === "here" && row.newest === operation ? { do: "set-flag" } : { do: "leave" }
}

/**
 * Whether the row of a block that is over goes. The row's own expiry and flag decide: a guard on what we remember of it
 * would delete a block renewed meanwhile. A row that a newer operation has taken over is left to that operation's end;
 * one still this block's, but running a little longer than the chain's whole seconds, is waited for.
 */
export function decideRemoval(block: Position, row: FoundRow): Decision {
  if (row.state === "locked") return { do: "wait", ms: LOCKED_RETRY_MS }
  if (row.state === "absent" || row.manual || row.expiresInMs === null) return { do: "leave" }
  if (row.newest > block) return { do: "leave" }
  return row.expiresInMs <= 0 ? { do: "delete" } : { do: "wait", ms: row.expiresInMs }
}
