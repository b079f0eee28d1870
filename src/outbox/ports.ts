import type { NewEvent } from "../domain/event.ts"
import type { Position } from "../domain/position.ts"

export type AppendResult =
  | { readonly outcome: "appended"; readonly position: Position; readonly eventId: string }
  /** An automatic block of a subject that is blocked by hand: nothing was written, and nothing need be done. */
  | { readonly outcome: "manual-block-stands" }

/**
 * Port: where requests are appended, within the caller's own transaction. Rules for whoever implements it:
 * - what is appended is seen by others when the transaction commits, and never when it does not;
 * - of one subject only one transaction appends at a time; positions rise in the order of their commits;
 * - a manual block of the subject stands from its append until an unblock is appended, and an automatic one of that
 *   subject is then not written;
 * - an event that breaks the rules throws InvalidEventError, and nothing of it is written.
 */
export interface EventLog<Transaction> {
  append(tx: Transaction, event: NewEvent): Promise<AppendResult>
}

export type EnsuredPartitions =
  | { readonly outcome: "ensured"; readonly made: number }
  /** Someone held a lock: nothing was made; try again soon. */
  | { readonly outcome: "busy" }

/**
 * Port: the log's daily partitions. Rules for whoever implements it:
 * - makes those missing from today (UTC) to `daysAhead` days later, all or none; a second call makes none;
 * - never holds up an insert for more than 50 ms; gives up with "busy" instead.
 */
export interface PartitionLog {
  ensurePartitions(daysAhead: number): Promise<EnsuredPartitions>
}
