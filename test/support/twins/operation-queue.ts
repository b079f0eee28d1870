import type { Lane, OperationQueue, QueuedOperation } from "../../../src/chain-writer/ports.ts"
import type { FinalResult, NewEvent } from "../../../src/domain/event.ts"
import { createInMemoryDeadLetters, type InMemoryDeadLetters } from "./dead-letters.ts"
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

export function createInMemoryOperationQueue(memory: ChainWriterMemory): OperationQueue {
  return {
    storedOffset: memory.offsets.storedOffset,
    async accept(batch) {
      if (!memory.offsets.move(batch)) return { outcome: "moved", added: 0 }
      let added = 0
      for (const operation of batch.operations) {
        if (memory.operations.has(operation.eventId)) continue
        const fresh = { state: "pending", tries: 0, notBeforeMs: null, result: null } as const
        memory.operations.set(operation.eventId, { ...operation, ...fresh })
        added += 1
      }
      makeLive([...memory.operations.values()])
      memory.deadLetters.insertMalformed("chain-writer", batch.malformed)
      return { outcome: "stored", added }
    },
    async pending() {
      const pending = [...memory.operations.values()].filter(({ state }) => state === "pending")
      const backfill = pending.filter(operation => operation.backfill).length
      return { live: pending.length - backfill, backfill }
    },
  }
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
