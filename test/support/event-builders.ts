import { randomBytes, randomUUID } from "node:crypto"
import type { EventBatch } from "../../src/bus/consume.ts"
import { type EventRecord, type FinalResult, resultEventType } from "../../src/domain/event.ts"
import { operationKindOf } from "../../src/domain/operations/index.ts"
import type { Outcome } from "../../src/domain/outcome.ts"
import { lowestPositionAt } from "../../src/domain/position.ts"
import { type Subject, subjectFromBytes } from "../../src/domain/subject.ts"
import { operationTag } from "../../src/domain/word.ts"

/** A few seconds back, so that what a database appends during a test comes after what the test made up. */
let nextPosition = lowestPositionAt(Date.now() - 10_000)

export function anyPosition(): bigint {
  nextPosition += 1024n
  return nextPosition
}

export function anySubject(): Subject {
  return subjectFromBytes(randomBytes(32))
}

export function anyHash(): string {
  return `0x${randomBytes(32).toString("hex")}`
}

export function event(type: string, subject: Subject, payload: Record<string, unknown> = {}): EventRecord {
  return {
    position: anyPosition(),
    eventId: randomUUID(),
    type,
    subject,
    payload,
    occurredAtMs: Date.now(),
    traceparent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`,
    causationId: null,
    backfill: false,
  }
}

/** An automatic block that is over `inSeconds` from now; negative for one that is over already. */
export function blockRequested(subject: Subject, inSeconds: number): EventRecord {
  const expiresAt = Math.floor(Date.now() / 1000) + inSeconds
  return event("block-ip.requested", subject, { manual: false, expiresAt })
}

export function manualBlockRequested(subject: Subject): EventRecord {
  return event("block-ip.requested", subject, { manual: true })
}

export function unblockRequested(subject: Subject): EventRecord {
  return event("unblock-ip.requested", subject)
}

const OUTCOMES: Readonly<Record<FinalResult, Outcome>> = {
  confirmed: "Applied",
  rejected: "Invalid",
  superseded: "Superseded",
}

export function result(
  request: EventRecord,
  final: FinalResult,
  outcome: Outcome = OUTCOMES[final],
): EventRecord {
  const kind = operationKindOf(request.type)
  if (!kind) throw new Error(`${request.type} asks for nothing`)
  return {
    ...event(resultEventType(kind, final), request.subject, {
      operationId: request.eventId,
      operationPosition: request.position.toString(),
      outcome,
      transactionHash: anyHash(),
      blockNumber: 7,
    }),
    causationId: request.eventId,
    traceparent: request.traceparent,
  }
}

export function confirmed(request: EventRecord, outcome?: Outcome): EventRecord {
  return result(request, "confirmed", outcome)
}

export function expired(block: EventRecord): EventRecord {
  return {
    ...event("ip-block.expired", block.subject, {
      blockVersion: block.position.toString(),
      blockTag: operationTag(block.eventId).toString(16).padStart(16, "0"),
      expiresAt: block.payload.expiresAt ?? 1,
    }),
    causationId: block.eventId,
  }
}

export function removed(block: EventRecord, rows = 1): EventRecord {
  return event("ip-block.removed", block.subject, { blockVersion: block.position.toString(), rows })
}

/** Of a partition of its own, so that it continues wherever the test is. */
export function batchOf(events: readonly EventRecord[], rest: Partial<EventBatch> = {}): EventBatch {
  return {
    consumerGroup: "group",
    topic: `topic-${randomUUID()}`,
    partition: 0,
    events,
    malformed: [],
    storedOffset: null,
    nextOffset: BigInt(events.length),
    ...rest,
  }
}
