import { describe, expect, it } from "vitest"
import { createPace } from "../../../src/chain-writer/pace.ts"
import { anySubject, event } from "../../support/event-builders.ts"
import { laneScenario } from "../../support/lane-scenario.ts"

const register = () => event("register-patient.requested", anySubject())

describe("small batches", () => {
  it("are spread over the time that one takes, so that a place is left for what comes later", () => {
    let nowMs = 0
    const clock = { nowMs: () => nowMs, sleep: async () => {} }
    const pace = createPace({ clock, maxInFlight: 4 })
    const transaction = { id: 1n } as Parameters<typeof pace.began>[0]
    expect(pace.allows(0)).toBe(true)
    pace.began(transaction)
    nowMs = 4_000
    pace.saw([])
    pace.began({ ...transaction, id: 2n })
    // A quarter of four seconds is what the first flight counts; four may fly in that time.
    nowMs += 249
    expect(pace.allows(1)).toBe(false)
    expect(pace.allows(0)).toBe(true)
    nowMs += 1
    expect(pace.allows(1)).toBe(true)
  })

  it("wait, and full ones do not", async () => {
    const scenario = laneScenario({ maxRecords: 2, maxInFlight: 3 })
    scenario.chain.automine = false
    const writer = scenario.newWriter()
    await scenario.requested(register())
    await scenario.work(writer)
    scenario.later(4_000)
    scenario.chain.mine()
    await scenario.work(writer)
    await scenario.requested(register())
    await scenario.work(writer)
    await scenario.requested(register())
    await scenario.work(writer)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0, 1])
    await scenario.requested(register())
    await scenario.work(writer)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0, 1, 2])
  })
})
