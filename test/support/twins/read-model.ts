import { type EventRecord, IP_BLOCK_EXPIRED } from "../../../src/domain/event.ts"
import { evolve, factsOf, type OperationState } from "../../../src/domain/lifecycle.ts"
import { operationTag } from "../../../src/domain/word.ts"
import type { ReadModel } from "../../../src/projector/ports.ts"
import { event } from "../event-builders.ts"
import { createInMemoryDeadLetters } from "./dead-letters.ts"
import { createInMemoryOffsets } from "./offsets.ts"

export interface InMemoryReadModel {
  readonly readModel: ReadModel
  operation(position: bigint): OperationState | null
  /** What was appended to the log. */
  readonly appended: readonly EventRecord[]
  readonly deadLetters: ReturnType<typeof createInMemoryDeadLetters>["deadLetters"]
}

export function createInMemoryReadModel(nowMs: () => number): InMemoryReadModel {
  const states = new Map<bigint, OperationState>()
  const appended: EventRecord[] = []
  const offsets = createInMemoryOffsets()
  const letters = createInMemoryDeadLetters()

  function tell(told: EventRecord): void {
    for (const fact of factsOf(told)) {
      states.set(fact.position, evolve(states.get(fact.position) ?? null, fact))
    }
  }

  function expire(block: OperationState): void {
    const { requested, position, subject } = block
    if (!requested) return
    const payload = {
      blockVersion: position.toString(),
      blockTag: operationTag(requested.eventId).toString(16).padStart(16, "0"),
      expiresAt: requested.expiresAt,
    }
    const { eventId: causationId, traceparent } = requested
    appended.push({ ...event(IP_BLOCK_EXPIRED, subject, payload), causationId, traceparent })
    tell(appended.at(-1)!)
  }

  return {
    appended,
    deadLetters: letters.deadLetters,
    operation: position => states.get(position) ?? null,
    readModel: {
      storedOffset: offsets.storedOffset,
      async apply(batch) {
        if (!offsets.move(batch)) return { outcome: "moved" }
        batch.events.forEach(tell)
        letters.insertMalformed("projector", batch.malformed)
        return { outcome: "stored" }
      },
      async expireDue(limit) {
        const running = [...states.values()].filter(isRunning).filter(block => !isReplaced(block, states))
        const byExpiry = running.toSorted((a, b) => expiryMs(a) - expiryMs(b))
        const due = byExpiry.filter(block => expiryMs(block) <= nowMs()).slice(0, limit)
        due.forEach(expire)
        const next = byExpiry.find(block => expiryMs(block) > nowMs())
        return { expired: due.length, nextDueInMs: next ? expiryMs(next) - nowMs() : null }
      },
    },
  }
}

function isRunning(state: OperationState): boolean {
  return state.resulted?.result === "confirmed" && state.requested?.expiresAt != null && !state.expired
}

function isReplaced(block: OperationState, states: ReadonlyMap<bigint, OperationState>): boolean {
  return [...states.values()].some(
    other =>
      other.subject === block.subject &&
      other.position > block.position &&
      other.requested?.kind !== "expire-ip-block" &&
      other.resulted?.result !== "rejected",
  )
}

function expiryMs(block: OperationState): number {
  return (block.requested?.expiresAt ?? 0) * 1000
}
