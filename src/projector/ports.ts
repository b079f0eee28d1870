import type { BatchOutcome, EventBatch } from "../bus/consume.ts"

export interface ExpiryPass {
  /** How many blocks expired in this pass. */
  readonly expired: number
  /** Until the next timer runs out, by the database clock; null if none is running. */
  readonly nextDueInMs: number | null
}

/**
 * Port: tables built from events only. Rules for whoever implements it:
 * - `apply` stores what the events tell, dead letters for what could not be read, and the offset: all or nothing;
 * - nothing at all if the stored offset is not the batch's `storedOffset`;
 * - any order of events and any number of duplicates give the same rows, those that `evolve` gives;
 * - a block is due when it is confirmed and automatic, the database clock has reached its expiry, and no later block or
 *   unblock of its subject was requested; one that was rejected does not count, one that was superseded does;
 * - marking a block expired and appending its `ip-block.expired` are one: a crash leaves both or neither.
 */
export interface ReadModel {
  /** Where the group continues; null when it never stored anything. */
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  apply(batch: EventBatch): Promise<BatchOutcome>
  /** Expires at most `limit` due blocks, longest due first. Several processes may call it at once. */
  expireDue(limit: number): Promise<ExpiryPass>
}
