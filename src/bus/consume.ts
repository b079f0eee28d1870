import type { EventRecord } from "../domain/event.ts"
import { type MalformedReason, parseMessage } from "./envelope.ts"
import type { ReceivedMessage } from "./message.ts"

/** Messages of one partition, in offset order. Offsets may have holes (compaction, transactions). */
export interface ReceivedBatch {
  readonly topic: string
  readonly partition: number
  /** Where the fetch began: the offset asked for, which the first message's offset can be above. */
  readonly fetchOffset: bigint
  readonly messages: readonly ReceivedMessage[]
  /** The first offset after the last message. */
  readonly nextOffset: bigint
  /** The oldest offset the broker still has for this partition, if known. */
  readonly lowOffset: bigint | null
  /** The offset the broker gives next in this partition, if known. */
  readonly endOffset: bigint | null
}

/** What the subscription does next with the partition. */
export type BatchVerdict =
  | { readonly next: "continue" }
  /** Not handled: fetch again from this offset. */
  | { readonly next: "seek"; readonly offset: bigint }
  /** Handled not at all, for now: pause the partition this long and fetch the same again. */
  | { readonly next: "pause"; readonly pauseMs: number }

/**
 * Port: a consumer group's membership. Rules for whoever implements it:
 * - when a partition is assigned it asks `storedOffset`, and fetches from there (from the oldest if null, or if that is gone);
 * - a batch may still begin elsewhere, and then says so: `onBatch` answers "seek";
 * - batches of one partition come one after the other, in order; after "seek" or "pause" no later message is delivered first;
 * - the offset is committed to the broker only after "continue", for the monitors;
 * - an error thrown by `onBatch` means "not handled": the same batch comes again after a backoff, never skipped;
 * - `run` resolves when the signal aborts and the batch in hand has been handled; it rejects when the client is broken for good.
 */
export interface Subscription {
  run(options: {
    readonly groupId: string
    readonly topics: readonly string[]
    readonly storedOffset: (topic: string, partition: number) => Promise<bigint | null>
    readonly onBatch: (batch: ReceivedBatch) => Promise<BatchVerdict>
    readonly signal: AbortSignal
  }): Promise<void>
}

export interface MalformedMessage {
  readonly message: ReceivedMessage
  readonly reason: MalformedReason
  readonly fields: readonly string[]
}

/** A step of a group's stored offset: taken only from where the batch was judged to continue. */
export interface OffsetStep {
  readonly consumerGroup: string
  readonly topic: string
  readonly partition: number
  /** What was stored when the batch was judged; null if nothing was. */
  readonly storedOffset: bigint | null
  readonly nextOffset: bigint
}

/** What a stage stores in one transaction: the events' effects, what could not be read, and the offset after them. */
export interface EventBatch extends OffsetStep {
  readonly events: readonly EventRecord[]
  readonly malformed: readonly MalformedMessage[]
}

/**
 * "moved": the stored offset was not `storedOffset` any more, and nothing of the batch was stored. Another member had the
 * partition meanwhile, or the database went back to an older state, in which messages before this batch are missing.
 */
export type BatchOutcome = { readonly outcome: "stored" } | { readonly outcome: "moved" }

export function parseBatch(
  batch: ReceivedBatch,
  consumerGroup: string,
  storedOffset: bigint | null,
): EventBatch {
  const events: EventRecord[] = []
  const malformed: MalformedMessage[] = []
  for (const message of batch.messages) {
    const parsed = parseMessage(message)
    if (parsed.ok) events.push(parsed.event)
    else malformed.push({ message, reason: parsed.reason, fields: parsed.fields })
  }
  return {
    consumerGroup,
    topic: batch.topic,
    partition: batch.partition,
    events,
    malformed,
    storedOffset,
    nextOffset: batch.nextOffset,
  }
}
