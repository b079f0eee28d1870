import type { BatchOutcome, OffsetStep } from "../bus/consume.ts"

/**
 * Port: answers of the chain that the app keeps for a while. Rules for whoever implements it:
 * - after `forget` no answer is kept under these keys that was there before the call;
 * - it rejects when that cannot be said: the cache may be back with its old answers.
 */
export interface AnswerCache {
  forget(keys: readonly string[]): Promise<void>
  close(): Promise<void>
}

/**
 * Port: how far a consumer without rows of its own has come. Rules for whoever implements it:
 * - "moved", and nothing stored, if the stored offset is not the step's `storedOffset`.
 */
export interface ConsumerOffsets {
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  move(step: OffsetStep): Promise<BatchOutcome>
}
