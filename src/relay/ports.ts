import type { OutgoingMessage } from "../bus/message.ts"
import type { LoggedEvent } from "../domain/event.ts"
import type { PoisonPolicy } from "../domain/order.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"

/**
 * Port: reads the log so that no event is ever skipped. Rules for whoever implements it:
 * - `readSafe` gives events by rising position, and never one while an event with a lower position could still become
 *   visible: positions are handed out before commit, so "what is there above the cursor" leaves late commits behind;
 * - nothing is given before it is durable: a commit the server could still forget must not be told to the world;
 * - an error leaves nothing remembered: the next call starts as the first one did.
 */
export interface EventSource {
  /** At most `limit` events above `after`; none may mean that what is there is not safe yet. One call at a time. */
  readSafe(after: Position, limit: number): Promise<readonly LoggedEvent[]>
  /** False while something was seen to be on its way: a transaction that has an event and is still open. */
  isQuiet(): boolean
  /** Drops what is remembered between calls; to be called whenever the cursor is loaded anew. */
  forget(): void
}

/**
 * Port: news of the log for a relay that waits. It only shortens a wait. Rules for whoever implements it:
 * - writers pay for telling only while they are asked to, and stop by themselves when the asker is gone.
 */
export interface LogNews {
  /** Asks writers to tell of each append for `forMs`. False if they cannot: then the relay looks more often. */
  ask(forMs: number): Promise<boolean>
  /** Takes it back before it runs out. */
  stopAsking(): Promise<void>
  /** Ends after `ms`, or at once if news came since the last wait. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export interface RelayLease {
  /** Rises whenever the lease changes hands. */
  readonly epoch: bigint
  /** All events up to here were published. */
  readonly position: Position
}

/** Why an event was taken out of the stream: nobody knows its type, the broker never accepts it, or it waits for such a one. */
export type SetAsideReason = "unknown-type" | RefusalReason | "subject-blocked"

export interface SetAside {
  readonly event: Pick<LoggedEvent, "position" | "eventId" | "type" | "subject">
  readonly reason: SetAsideReason
  /** Later events of the subject wait until this one is settled. */
  readonly blocksSubject: boolean
}

/**
 * Port: how far the log was published, and who may publish. Rules for whoever implements it:
 * - at most one holder has the lease; it can be taken over once it ran out or was released;
 * - only the newest epoch moves the position, and only forward, also after its lease ran out if nobody took over;
 * - what is set aside is stored with the advance or not at all, once an event.
 */
export interface RelayCursor {
  /** Takes or renews the lease for `leaseMs`; null while another holder has it. A renewal keeps the epoch. */
  acquire(holder: string, leaseMs: number): Promise<RelayLease | null>
  /** False if the epoch is not the newest any more or the position would go back: nothing was stored. */
  advance(epoch: bigint, position: Position, setAside?: readonly SetAside[]): Promise<boolean>
  /** Lets another take over at once. A stale epoch releases nothing. */
  release(epoch: bigint): Promise<void>
}

/** An event that was set aside, and is to be sent again. */
export interface RequeuedEvent {
  readonly letterId: bigint
  readonly position: Position
  readonly type: string
  readonly subject: Subject
  /** Null when it is not in the log any more: its day is archived. */
  readonly event: LoggedEvent | null
}

/** What came of sending it again. `failed` is null for one that was not tried, because one before it failed. */
export type SettledEvent = { readonly letterId: bigint } & (
  | { readonly state: "resolved" }
  | { readonly state: "open"; readonly failed: Exclude<SetAsideReason, "subject-blocked"> | null }
)

export interface LettersGlance {
  /** Events of the relay that are set aside and not settled. */
  readonly unsettled: number
  readonly requeued: boolean
  /** Of any stage: something that the dead-letters topic was not told. */
  readonly unannounced: boolean
}

/** A dead letter's state, as the dead-letters topic is told it. Ids, codes and names of fields only. */
export interface Announcement {
  readonly letterId: bigint
  readonly state: string
  /** For the message's key. */
  readonly subject: Subject | null
  readonly changedAtMs: number
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Port: what was set aside, and its way back to the bus. Rules for whoever implements it:
 * - `requeued` gives events by rising position; of a subject with a requeued event that blocks it, all that are not
 *   settled are requeued with it, so that none overtakes another;
 * - `settle` stores all or nothing; with `block-subject`, what failed opens all events of its subject again.
 */
export interface RelayLetters {
  /** Cheap: asked every few seconds. */
  glance(): Promise<LettersGlance>
  /** The lowest position that holds each subject back. */
  blockedSubjects(): Promise<ReadonlyMap<Subject, Position>>
  /** Of these events, those that a person has discarded: they are not to be set aside again. */
  discarded(eventIds: readonly string[]): Promise<ReadonlySet<string>>
  requeued(limit: number): Promise<readonly RequeuedEvent[]>
  /** False if the epoch is not the newest any more: nothing was stored. */
  settle(epoch: bigint, settled: readonly SettledEvent[], policy: PoisonPolicy): Promise<boolean>
  unannounced(limit: number): Promise<readonly Announcement[]>
  markAnnounced(announced: readonly Pick<Announcement, "letterId" | "state">[]): Promise<void>
}

/** The broker will refuse these messages however often they are sent. */
export type RefusalReason = "message-too-large" | "invalid-record"

export type PublishOutcome =
  | { readonly outcome: "acknowledged" }
  /** At least one message is refused for good; the others may or may not have been written. */
  | { readonly outcome: "refused"; readonly reason: RefusalReason }

/**
 * Port: sends messages. Rules for whoever implements it:
 * - "acknowledged" only when all in-sync replicas have every message;
 * - messages of one key are written in the order given, all of a call before any of the next;
 * - it rejects when the outcome is unknown; after that nothing of the failed call may keep a later one from being
 *   written (a sequence number used twice makes the broker acknowledge a batch it drops).
 */
export interface EventPublisher {
  /** One call at a time. */
  publish(messages: readonly OutgoingMessage[]): Promise<PublishOutcome>
  close(): Promise<void>
}

/** Port: how much the relay has still to do; for status and metrics. */
export interface RelayStatus {
  /** `waiting` stops counting at 100,000; `oldestAgeMs` is null when nothing waits. */
  waiting(): Promise<{ readonly waiting: number; readonly oldestAgeMs: number | null }>
}
