import { describe, expect, it } from "vitest"
import { createDoubt } from "../../../src/chain-writer/doubt.ts"
import { anySubject, event } from "../../support/event-builders.ts"
import { laneScenario } from "../../support/lane-scenario.ts"

const register = () => event("register-patient.requested", anySubject())

describe("what cannot be taken back", () => {
  function doubt() {
    let nowMs = 0
    const clock = { nowMs: () => nowMs, sleep: async () => {} }
    const { settled } = createDoubt({ clock, overMs: 1_000 })
    return { settled, later: (ms: number) => (nowMs += ms) }
  }

  it("is believed when it was seen often, for long enough", () => {
    const { settled, later } = doubt()
    expect([settled("nonce", "7"), settled("nonce", "7"), settled("nonce", "7")]).toEqual([
      false,
      false,
      false,
    ])
    later(1_000)
    expect(settled("nonce", "7")).toBe(true)
  })

  it("is doubted anew when another answer came between", () => {
    const { settled, later } = doubt()
    for (const value of ["7", "7", null, "7", "8", "7"]) {
      later(1_000)
      expect(settled("nonce", value)).toBe(false)
    }
  })
})

describe("a node that once says too many nonces are used", () => {
  it("makes the lane leave none out", async () => {
    const scenario = laneScenario({ resendMs: 1_000 })
    const { ledger } = scenario.chain
    let lies = 1
    const lying = {
      ...ledger,
      async nonce(...asked: Parameters<typeof ledger.nonce>) {
        const used = await ledger.nonce(...asked)
        lies -= 1
        return lies >= 0 ? used + 5 : used
      },
    }
    await scenario.requested(register())
    await scenario.workAwhile(scenario.newWriter({ ledger: lying }))
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0])
  })
})

describe("a batch that no block takes", () => {
  it("is halved until the node takes it, each operation once", async () => {
    const scenario = laneScenario({ maxRecords: 8 })
    const events = await scenario.requested(...Array.from({ length: 8 }, register))
    // What the writer was told of the block and what the node takes are not the same.
    const { ledger } = scenario.chain
    const roomy = {
      ...ledger,
      terms: async () => ({ ...(await ledger.terms()), blockGasLimit: 30_000_000n }),
    }
    scenario.chain.blockGasLimit = 220_000n
    await scenario.workAwhile(scenario.newWriter({ ledger: roomy }))
    expect(events.map(scenario.timesApplied)).toEqual(events.map(() => 1))
    expect(scenario.results()).toHaveLength(8)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce).slice(0, 3)).toEqual([0, 0, 0])
  })

  it("of one operation waits with a finding", async () => {
    const scenario = laneScenario()
    const { ledger } = scenario.chain
    const roomy = {
      ...ledger,
      terms: async () => ({ ...(await ledger.terms()), blockGasLimit: 30_000_000n }),
    }
    scenario.chain.blockGasLimit = 100_000n
    await scenario.requested(register())
    const writer = scenario.newWriter({ ledger: roomy })
    await scenario.tick(writer)
    expect(scenario.findings()).toEqual(["transaction-refused"])
    scenario.chain.blockGasLimit = 30_000_000n
    await scenario.workAwhile(writer)
    expect(scenario.findings()).toEqual([])
    expect(scenario.results()).toHaveLength(1)
  })
})
