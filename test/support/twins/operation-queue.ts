import { type Place, placeOf } from "../../../src/bus/known-headers.ts"
import { keepOrder } from "../../../src/chain-writer/keep-order.ts"
import type { Lane, OperationQueue, QueuedOperation } from "../../../src/chain-writer/ports.ts"
import type { Rejection } from "../../../src/dead-letters/reject.ts"
import { NOT_REQUEUEABLE } from "../../../src/dead-letters/requeue.ts"
import type { FinalResult, NewEvent } from "../../../src/domain/event.ts"
import { operationDefinition } from "../../../src/domain/operations/index.ts"
import type { PoisonPolicy } from "../../../src/domain/order.ts"
import { createInMemoryDeadLetters, type InMemoryDeadLetters, isUnsettled } from "./dead-letters.ts"
import { createInMemoryOffsets, type InMemoryOffsets } from "./offsets.ts"

export interface StoredOperation extends QueuedOperation {
  backfill: boolean
  state: "pending" | "claimed" | "included" | "final"
  tries: number
  notBeforeMs: number | null
  result: FinalResult | null
}

/** What the chain writer's tables are to the adapters. Every method of a twin is one step, and so one transaction. */
export interface ChainWriterMemory {
  readonly nowMs: () => number
  readonly operations: Map<string, StoredOperation>
  readonly events: NewEvent[]
  readonly raisedPositions: bigint[]
  readonly deadLetters: InMemoryDeadLetters
  readonly offsets: InMemoryOffsets
  readonly findings: Set<string>
}

export function createChainWriterMemory(nowMs: () => number): ChainWriterMemory {
  return {
    nowMs,
    operations: new Map(),
    events: [],
    raisedPositions: [],
    deadLetters: createInMemoryDeadLetters(),
    offsets: createInMemoryOffsets(),
    findings: new Set(),
  }
}

export function findingKey(lane: Lane, finding: string, type: string | null): string {
  return `${lane.address} ${type ?? ""} ${finding}`
}

export function createInMemoryOperationQueue(
  memory: ChainWriterMemory,
  { onPoison }: { readonly onPoison: PoisonPolicy } = { onPoison: "block-subject" },
): OperationQueue {
  const blocks = onPoison === "block-subject"
  const { deadLetters } = memory
  const unsettled = () => deadLetters.rows.filter(row => row.source === "chain-writer" && isUnsettled(row))

  function setAside({ eventId, position, kind, subject }: QueuedOperation): void {
    const type = operationDefinition(kind).requestEvent
    const reason = "subject-blocked"
    deadLetters.insert({
      source: "chain-writer",
      reason,
      eventId,
      position,
      type,
      subject,
      blocksSubject: true,
    })
  }

  return {
    storedOffset: memory.offsets.storedOffset,
    async accept(batch) {
      if (!memory.offsets.move(batch)) return { outcome: "moved", added: 0 }
      const malformed = batch.malformed.flatMap(({ message }) => placeOf(message.headers) ?? [])
      const open = unsettled().flatMap(({ blocksSubject, eventId, position, subject }): Place[] =>
        blocksSubject && eventId && position && subject ? [{ eventId, position, subject }] : [],
      )
      const { accepted, blocked } = blocks
        ? keepOrder(batch.operations, malformed, open)
        : { accepted: batch.operations, blocked: [] }
      const added = acceptInMemory(memory, accepted)
      for (const row of unsettled()) {
        const isHandled = accepted.some(({ eventId }) => eventId === row.eventId)
        if (isHandled && !NOT_REQUEUEABLE.has(row.reason)) row.state = "resolved"
      }
      deadLetters.insertMalformed("chain-writer", batch.malformed, { blocks })
      blocked.forEach(setAside)
      return { outcome: "stored", added }
    },
    async pending() {
      const pending = [...memory.operations.values()].filter(({ state }) => state === "pending")
      const backfill = pending.filter(operation => operation.backfill).length
      return { live: pending.length - backfill, backfill }
    },
  }
}

/** Those whose id is absent; how many. */
export function acceptInMemory(memory: ChainWriterMemory, operations: readonly QueuedOperation[]): number {
  let added = 0
  for (const operation of operations) {
    if (memory.operations.has(operation.eventId)) continue
    const fresh = { state: "pending", tries: 0, notBeforeMs: null, result: null } as const
    memory.operations.set(operation.eventId, { ...operation, ...fresh })
    added += 1
  }
  makeLive([...memory.operations.values()])
  return added
}

/** Ends an operation that never came to the chain; nothing when it was accepted. */
export function rejectInMemory(memory: ChainWriterMemory, { operation, event }: Rejection): void {
  if (memory.operations.has(operation.eventId)) return
  const ended = { state: "final", tries: 0, notBeforeMs: null, result: "rejected" } as const
  memory.operations.set(operation.eventId, { ...operation, word: 0n, backfill: false, ...ended })
  memory.events.push(event)
}

function makeLive(operations: readonly StoredOperation[]): void {
  const unfinished = operations.filter(({ state }) => state !== "final")
  for (const operation of unfinished) {
    const isBeforeLive = unfinished.some(
      later => later.subject === operation.subject && later.position > operation.position && !later.backfill,
    )
    if (isBeforeLive) operation.backfill = false
  }
}
