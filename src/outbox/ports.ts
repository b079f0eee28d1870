import type { NewEvent } from "../domain/event.ts"
import type { Position } from "../domain/position.ts"

/** What is asked to be appended. */
export type AppendRequest = NewEvent & {
  /**
   * The caller's own name for this request, 1 to 200 characters with nobody's name in them: a second append with it
   * gets the first one's answer and writes nothing.
   */
  readonly idempotencyKey?: string | null
  /**
   * True for what can wait, such as rows from before there was a log: live requests go to the chain before it. Order
   * within a subject is not changed by it.
   */
  readonly backfill?: boolean | null
}

export type AppendResult =
  | { readonly outcome: "appended"; readonly position: Position; readonly eventId: string }
  /** The idempotency key was used before: position and id of the event that was written then. */
  | { readonly outcome: "already-appended"; readonly position: Position; readonly eventId: string }
  /** An automatic block of a subject that is blocked by hand: nothing was written, and nothing need be done. */
  | { readonly outcome: "manual-block-stands" }

/**
 * Port: where requests are appended, within the caller's own transaction. Rules for whoever implements it:
 * - what is appended is seen by others when the transaction commits, and never when it does not;
 * - of one subject only one transaction appends at a time; positions rise in the order of their commits;
 * - a manual block of the subject stands from its append until an unblock is appended, and an automatic one of that
 *   subject is then not written;
 * - an idempotency key has one answer, once a transaction with it has committed; who comes with it meanwhile waits.
 *   The trace, the cause and the mark may differ, anything else makes it another request, which is refused;
 * - an event that breaks the rules throws InvalidEventError, and nothing of it is written.
 */
export interface EventLog<Transaction> {
  append(tx: Transaction, request: AppendRequest): Promise<AppendResult>
  /**
   * At most MAX_BATCH, written in the order given or not at all; one answer each, in that order. Takes the subjects
   * in sorted order: two transactions with the same subjects in different order would wait for each other.
   */
  appendMany(tx: Transaction, requests: readonly AppendRequest[]): Promise<readonly AppendResult[]>
}

/** Requests in one call of `appendMany`; the SQL function `reconciler.append_many` holds the same. */
export const MAX_BATCH = 1_000

export type EnsuredPartitions =
  | { readonly outcome: "ensured"; readonly made: number }
  /** Someone held a lock: nothing was made; try again soon. */
  | { readonly outcome: "busy" }

export type SortedStrays =
  | { readonly outcome: "sorted"; readonly moved: number; readonly days: number }
  /** Someone held the log, or it was too busy: try again later. What was moved until then is moved. */
  | { readonly outcome: "busy" }

/**
 * Port: the log's daily partitions. Rules for whoever implements it:
 * - makes those missing from today (UTC) to `daysAhead` days later, all or none; a second call makes none;
 * - never holds up an insert for more than 50 ms; gives up with "busy" instead;
 * - `sortStrays` moves what is in no day's partition into its day's, which it makes; a reader sees each event once all
 *   the while. Days that were archived get no second partition: such events stay where they are.
 */
export interface PartitionLog {
  ensurePartitions(daysAhead: number): Promise<EnsuredPartitions>
  sortStrays(signal: AbortSignal): Promise<SortedStrays>
}
