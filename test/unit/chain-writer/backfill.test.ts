import { describe, expect, it } from "vitest"
import { createIntake } from "../../../src/chain-writer/intake.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import { anySubject, blockRequested, event } from "../../support/event-builders.ts"
import { laneScenario } from "../../support/lane-scenario.ts"
import { createInMemoryOperationQueue } from "../../support/twins/operation-queue.ts"

const register = (): EventRecord => event("register-patient.requested", anySubject())
const backfill = (): EventRecord => ({ ...register(), backfill: true })
const several = (size: number, one: () => EventRecord) => Array.from({ length: size }, one)

describe("a lane with a long backfill", () => {
  it("has a place in flight for what comes in, and sends it at once", async () => {
    const scenario = laneScenario({ maxRecords: 2, maxInFlight: 4 })
    scenario.chain.automine = false
    await scenario.requested(...several(20, backfill))
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(scenario.chain.broadcasts).toHaveLength(2)
    const [live] = await scenario.requested(register())
    await scenario.work(writer)
    expect(live && scenario.stateOf(live)).toBe("claimed")
    const [block] = await scenario.requested(blockRequested(anySubject(), 60))
    await scenario.work(writer)
    expect(block && scenario.stateOf(block)).toBe("claimed")
  })

  it("comes to its end while live work fills every batch", async () => {
    const scenario = laneScenario({ maxRecords: 1, maxInFlight: 2 })
    const old = await scenario.requested(...several(3, backfill))
    const writer = scenario.newWriter()
    for (let passes = 0; passes < 16; passes += 1) {
      await scenario.requested(...several(3, register))
      await scenario.tick(writer)
    }
    expect(old.map(scenario.stateOf)).toEqual(["final", "final", "final"])
    expect((await createInMemoryOperationQueue(scenario.memory).pending()).live).toBeGreaterThan(0)
  })

  it("stops intake later than live work does, so that live requests behind it on the bus are taken in", async () => {
    const scenario = laneScenario()
    const queue = createInMemoryOperationQueue(scenario.memory)
    const intake = createIntake({ queue, maxPendingOperations: 2 })
    await scenario.requested(...several(19, backfill))
    expect(await intake.overloaded()).toBe(false)
    await scenario.requested(backfill())
    expect(await intake.overloaded()).toBe(true)
    scenario.memory.operations.clear()
    await scenario.requested(register(), register())
    expect(await intake.overloaded()).toBe(true)
  })
})
