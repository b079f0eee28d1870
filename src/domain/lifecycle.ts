import {
  classifyEvent,
  type EventRecord,
  type FinalResult,
  type RemovalPayload,
  type ResultPayload,
} from "./event.ts"
import type { BlockIpPayload } from "./operations/block-ip.ts"
import { expireIpBlock } from "./operations/expire-ip-block.ts"
import type { OperationKind } from "./operations/index.ts"
import type { Outcome } from "./outcome.ts"
import type { Position } from "./position.ts"
import type { Subject } from "./subject.ts"

/** Requested → confirmed | rejected | superseded; a confirmed block then → expired → removed, another → removed. */
export const LIFECYCLES = ["requested", "confirmed", "rejected", "superseded", "expired", "removed"] as const
export type Lifecycle = (typeof LIFECYCLES)[number]

/** What each kind of event tells of an operation. `seq` is the telling event's position. */
export interface Requested {
  readonly seq: Position
  readonly eventId: string
  readonly kind: OperationKind
  readonly requestedAtMs: number
  readonly traceparent: string | null
  /** Unix seconds; null for all but an automatic block. */
  readonly expiresAt: number | null
  /** Null for all but a block. */
  readonly manual: boolean | null
}

export interface Resulted {
  readonly seq: Position
  readonly result: FinalResult
  readonly outcome: Outcome
  readonly reason: string | null
  readonly transactionHash: string | null
  readonly blockNumber: number | null
  readonly resultedAtMs: number
}

export interface Expired {
  readonly seq: Position
  readonly eventId: string
  readonly expiredAtMs: number
}

export interface Removed {
  readonly seq: Position
  readonly rows: number
  readonly removedAtMs: number
}

/** One operation, named by its position: every event that tells of it carries that, also one that comes before the request. */
export interface OperationState {
  readonly position: Position
  readonly subject: Subject
  readonly requested: Requested | null
  readonly resulted: Resulted | null
  readonly expired: Expired | null
  readonly removed: Removed | null
}

const GROUPS = ["requested", "resulted", "expired", "removed"] as const

/** An operation and the one group of columns that an event writes of it. */
export type Fact = Pick<OperationState, "position" | "subject"> &
  Partial<Pick<OperationState, (typeof GROUPS)[number]>>

/**
 * What an event tells, and of which operation. `ip-block.expired` tells of two: it ends a block and is itself the
 * request for the chain's cleanup. Empty for a type nobody here knows. The payload must have been parsed.
 */
export function factsOf(event: EventRecord): readonly Fact[] {
  const { subject, position } = event
  const found = classifyEvent(event.type)
  switch (found?.class) {
    case "request": {
      const request = { position, subject, requested: requestedBy(event, found.kind) }
      return found.kind === expireIpBlock.kind ? [request, expiryOf(event)] : [request]
    }
    case "result": {
      const payload = event.payload as ResultPayload
      return [
        { position: BigInt(payload.operationPosition), subject, resulted: resultedBy(event, found.result) },
      ]
    }
    case "removal": {
      const payload = event.payload as RemovalPayload
      const removed = { seq: position, rows: payload.rows, removedAtMs: event.occurredAtMs }
      return [{ position: BigInt(payload.blockVersion), subject, removed }]
    }
    default:
      return []
  }
}

/**
 * The state after one more fact. Any order and any number of duplicates give the same state: each kind of event
 * writes only its own group, and in a group the later event of the log stays.
 */
export function evolve(state: OperationState | null, fact: Fact): OperationState {
  return {
    position: fact.position,
    subject: fact.subject,
    requested: later(state?.requested, fact.requested),
    resulted: later(state?.resulted, fact.resulted),
    expired: later(state?.expired, fact.expired),
    removed: later(state?.removed, fact.removed),
  }
}

/** Folds events into one state an operation, lowest position first: the order in which rows are to be locked. */
export function foldFacts(events: readonly EventRecord[]): readonly OperationState[] {
  const states = new Map<Position, OperationState>()
  for (const fact of events.flatMap(factsOf)) {
    states.set(fact.position, evolve(states.get(fact.position) ?? null, fact))
  }
  return [...states.values()].sort((a, b) => (a.position < b.position ? -1 : 1))
}

export function lifecycleOf(state: OperationState): Lifecycle {
  if (state.removed) return "removed"
  if (state.expired) return "expired"
  return state.resulted?.result ?? "requested"
}

function later<Group extends { readonly seq: Position }>(
  known: Group | null | undefined,
  told: Group | null | undefined,
): Group | null {
  if (!known || !told) return told ?? known ?? null
  return told.seq > known.seq ? told : known
}

function requestedBy(event: EventRecord, kind: OperationKind): Requested {
  const block = kind === "block-ip" ? (event.payload as BlockIpPayload) : null
  return {
    seq: event.position,
    eventId: event.eventId,
    kind,
    requestedAtMs: event.occurredAtMs,
    traceparent: event.traceparent,
    expiresAt: block && !block.manual ? block.expiresAt : null,
    manual: block ? block.manual : null,
  }
}

function resultedBy(event: EventRecord, result: FinalResult): Resulted {
  const payload = event.payload as ResultPayload
  return {
    seq: event.position,
    result,
    outcome: payload.outcome,
    reason: payload.reason ?? null,
    transactionHash: payload.transactionHash ?? null,
    blockNumber: payload.blockNumber ?? null,
    resultedAtMs: event.occurredAtMs,
  }
}

function expiryOf(event: EventRecord): Fact {
  const payload = expireIpBlock.payload.parse(event.payload)
  return {
    position: BigInt(payload.blockVersion),
    subject: event.subject,
    expired: { seq: event.position, eventId: event.eventId, expiredAtMs: event.occurredAtMs },
  }
}
