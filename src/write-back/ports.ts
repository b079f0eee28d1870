import type { BatchOutcome, EventBatch } from "../bus/consume.ts"

export interface WriteBackPass {
  /** How many results are settled: written, or found to need no writing. */
  readonly settled: number
  /** How many must wait: the app holds the row locked, or the row's own expiry is still to come. */
  readonly waiting: number
}

/**
 * Port: the app's tables. Rules for whoever implements it:
 * - `apply` remembers what is to be written, with the offset, all or nothing, and touches no table of the app;
 * - it remembers nothing at all if the stored offset is not the batch's `storedOffset`;
 * - `settle` writes it, each row's writing and its event in one transaction, and never waits for a lock the app holds;
 * - a flag is set only while the confirmed operation is the row's newest: a row renewed meanwhile is not synced yet;
 * - a block's row is deleted once the block is over and nothing of it is left to end on the chain: its expiry came back
 *   confirmed, superseded or rejected, or the block itself did not come to stand there (superseded or rejected);
 * - and only if the block is the row's newest operation, the row's own expiry has passed by the database clock, and it
 *   is not manual;
 * - one `ip-block.removed` a block version, whatever comes twice, also if no row was there.
 */
export interface AppTables {
  /** Tables of the app that are not there; if any, nothing can be written back. */
  missingTables(): Promise<readonly string[]>
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  apply(batch: EventBatch): Promise<BatchOutcome>
  /** Looks at no more than `limit` results. Several processes may call it at once. */
  settle(limit: number): Promise<WriteBackPass>
}
