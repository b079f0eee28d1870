import { describe, expect, it } from "vitest"
import {
  anySubject,
  blockRequested,
  event,
  manualBlockRequested,
  unblockRequested,
} from "../../support/event-builders.ts"
import { laneScenario } from "../../support/lane-scenario.ts"

const register = () => event("register-patient.requested", anySubject())

/** A node that has thrown every receipt away. */
function withoutReceipts(options: Parameters<typeof laneScenario>[0] = {}) {
  const scenario = laneScenario(options)
  const { ledger } = scenario.chain
  const newWriter = () => scenario.newWriter({ ledger: { ...ledger, receipt: async () => null } })
  return { ...scenario, newWriter }
}

describe("where no receipt is to be had", () => {
  it("the contract's storage tells what a batch came to, and nobody is alarmed", async () => {
    const scenario = withoutReceipts({ confirmations: 2 })
    const ip = anySubject()
    await scenario.requested(register(), manualBlockRequested(ip), blockRequested(ip, 60))
    const writer = scenario.newWriter()
    await scenario.workAwhile(writer)
    scenario.chain.mine()
    await scenario.workAwhile(writer)
    expect(scenario.results().sort()).toEqual([
      ["block-ip.confirmed", "Applied"],
      ["block-ip.superseded", "Kept"],
      ["register-patient.confirmed", "Applied"],
    ])
    expect(scenario.findings()).toEqual([])
  })

  it("each of several transactions is found in its own block", async () => {
    const scenario = withoutReceipts({ maxRecords: 1, maxInFlight: 4 })
    const subject = anySubject()
    const events = await scenario.requested(register(), unblockRequested(subject), register(), register())
    const writer = scenario.newWriter()
    for (let more = 0; more < 40; more += 1) scenario.chain.mine()
    await scenario.workAwhile(writer)
    expect(scenario.results()).toHaveLength(4)
    expect(events.map(scenario.timesApplied)).toEqual([1, 1, 1, 1])
    const places = scenario.memory.events.map(({ payload }) => payload.blockNumber)
    expect(new Set(places).size).toBe(4)
    expect(scenario.findings()).toEqual([])
  })

  it("a batch that was not executed is tried again in another transaction", async () => {
    const scenario = withoutReceipts()
    const older = register()
    // What is stored looks as if it had been executed and found something newer.
    await scenario.requested({ ...register(), subject: older.subject })
    const writer = scenario.newWriter()
    await scenario.workAwhile(writer)
    scenario.chain.automine = false
    const [request] = await scenario.requested(older)
    await scenario.tick(writer)
    scenario.chain.setObstacle("patient", "paused")
    scenario.chain.mine()
    await scenario.workAwhile(writer)
    expect(request && scenario.stateOf(request)).toBe("pending")
    expect(scenario.findings()).toContain("paused")
    expect(scenario.findings()).not.toContain("foreign-nonce")
    scenario.chain.setObstacle("patient", null)
    scenario.chain.automine = true
    await scenario.workAwhile(writer)
    expect(scenario.results().at(-1)).toEqual(["register-patient.superseded", "Superseded"])
  })

  it("a nonce that somebody else used is still told from ours", async () => {
    const scenario = withoutReceipts()
    scenario.chain.automine = false
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.tick(writer)
    scenario.chain.dropPool()
    scenario.chain.useNonce(scenario.address)
    scenario.chain.automine = true
    await scenario.workAwhile(writer)
    expect(scenario.findings()).toContain("foreign-nonce")
    expect(request && scenario.timesApplied(request)).toBe(1)
    expect(scenario.results()).toEqual([["register-patient.confirmed", "Applied"]])
  })

  it("nor a state of that time, a person is told, and sending again changes nothing", async () => {
    const scenario = withoutReceipts()
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.tick(writer)
    scenario.chain.oldestState = 1_000
    await scenario.workAwhile(writer)
    expect(scenario.findings()).toContain("foreign-nonce")
    scenario.chain.oldestState = 0
    await scenario.workAwhile(writer)
    expect(scenario.results()).toEqual([["register-patient.confirmed", "AlreadyApplied"]])
    expect(request && scenario.timesApplied(request)).toBe(1)
  })
})
