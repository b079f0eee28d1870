import { randomBytes } from "node:crypto"
import type { CrashPoint } from "../../src/chain-writer/crash-points.ts"
import { createIntake, toOperation } from "../../src/chain-writer/intake.ts"
import type { Hex } from "../../src/chain-writer/ports.ts"
import { createLaneWriter, type LaneWriter, type LaneWriterOptions } from "../../src/chain-writer/writer.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { batchOf } from "./event-builders.ts"
import { createInMemoryLaneStore } from "./twins/lane-store.ts"
import { createInMemoryChain } from "./twins/ledger.ts"
import { createChainWriterMemory, createInMemoryOperationQueue } from "./twins/operation-queue.ts"
import { createInMemorySigner } from "./twins/signer.ts"

export const RETRY_MS = 60_000
export const LEASE_MS = 10_000

export class Killed extends Error {}

/** Dies at the first time it comes to a point. */
export function dieAt(point: CrashPoint): (at: CrashPoint) => void {
  let alive = true
  return at => {
    if (!alive || at !== point) return
    alive = false
    throw new Killed(point)
  }
}

/** A chain, a store and lane writers in memory, on one clock that only the test moves. */
export function laneScenario(options: Partial<LaneWriterOptions> = {}) {
  let nowMs = Date.now()
  const clock = { nowMs: () => nowMs, sleep: async () => {} }
  const chain = createInMemoryChain(clock)
  const memory = createChainWriterMemory(clock.nowMs)
  const queue = createInMemoryOperationQueue(memory)
  const intake = createIntake({ queue, maxPendingOperations: 1_000 })
  const store = createInMemoryLaneStore(memory)
  const address: Hex = `0x${randomBytes(20).toString("hex")}`
  const { signal } = new AbortController()
  let holders = 0

  function newWriter(more: Partial<LaneWriterOptions> = {}): LaneWriter {
    holders += 1
    return createLaneWriter({
      ...store,
      ledger: chain.ledger,
      registries: [chain.registry("patient"), chain.registry("ip-block"), chain.registry("attack-signature")],
      signer: createInMemorySigner(address),
      clock,
      logger: silentLogger,
      holder: `process ${holders}`,
      leaseMs: LEASE_MS,
      maxRecords: 100,
      maxInFlight: 4,
      confirmations: 1,
      stuckMs: 120_000,
      resendMs: 5_000,
      ...options,
      ...more,
    })
  }

  return {
    chain,
    memory,
    store,
    intake,
    address,
    newWriter,
    nowMs: () => nowMs,
    later(ms: number) {
      nowMs += ms
    },
    async requested(...events: EventRecord[]) {
      await intake.handle(batchOf(events))
      return events
    },
    tick: (writer: LaneWriter) => writer.tick(signal),
    /** Passes until one does nothing; fails when that never happens. */
    /** Passes with time between them, as an answer that is only believed when it was seen often needs. */
    async workAwhile(writer: LaneWriter) {
      for (let passes = 0; passes < 20; passes += 1) {
        nowMs += 1_000
        await writer.tick(signal)
      }
    },
    async work(writer: LaneWriter) {
      for (let passes = 0; passes < 50; passes += 1) if ((await writer.tick(signal)) === 0) return
      throw new Error("the writer never comes to rest")
    },
    results: () => memory.events.map(event => [event.type, event.payload.outcome]),
    findings: () => [...memory.findings].map(key => key.split(" ").at(-1)),
    deadLetters: async () =>
      (await memory.deadLetters.deadLetters.list({ limit: 100 })).map(row => row.reason),
    stateOf: (event: EventRecord) => memory.operations.get(event.eventId)?.state,
    timesApplied: (event: EventRecord) => chain.timesApplied(toOperation(event)?.word ?? 0n),
  }
}
