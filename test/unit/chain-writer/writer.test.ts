import { describe, expect, it } from "vitest"
import { decodeWord } from "../../../src/domain/word.ts"
import {
  anySubject,
  blockRequested,
  event,
  expired,
  manualBlockRequested,
  unblockRequested,
} from "../../support/event-builders.ts"
import { LEASE_MS, laneScenario } from "../../support/lane-scenario.ts"

const register = () => event("register-patient.requested", anySubject())

describe("a lane writer", () => {
  it("puts what was requested on the chain, once, and says so", async () => {
    const scenario = laneScenario()
    const events = await scenario.requested(register(), register(), blockRequested(anySubject(), 60))
    await scenario.work(scenario.newWriter())
    expect(events.map(scenario.timesApplied)).toEqual([1, 1, 1])
    expect(events.map(scenario.stateOf)).toEqual(["final", "final", "final"])
    expect(scenario.results().sort()).toEqual([
      ["block-ip.confirmed", "Applied"],
      ["register-patient.confirmed", "Applied"],
      ["register-patient.confirmed", "Applied"],
    ])
  })

  it("does nothing, and asks the node nothing, while there is nothing to do", async () => {
    const scenario = laneScenario()
    expect(await scenario.tick(scenario.newWriter())).toBe(0)
    expect(scenario.chain.broadcasts).toEqual([])
  })

  it("makes nothing of a request that comes twice", async () => {
    const scenario = laneScenario()
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    if (request) await scenario.requested(request)
    await scenario.work(writer)
    expect(scenario.results()).toHaveLength(1)
    expect(scenario.chain.broadcasts).toHaveLength(1)
  })

  it("keeps several batches in flight, on consecutive nonces, and no more than it may", async () => {
    const scenario = laneScenario({ maxRecords: 1, maxInFlight: 3 })
    scenario.chain.automine = false
    await scenario.requested(register(), register(), register(), register(), register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0, 1, 2])
    scenario.chain.mine()
    await scenario.work(writer)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0, 1, 2, 3, 4])
  })

  it("waits until a block is deep enough before it says anything", async () => {
    const scenario = laneScenario({ confirmations: 3 })
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(request && scenario.stateOf(request)).toBe("included")
    scenario.chain.mine()
    await scenario.work(writer)
    expect(scenario.results()).toEqual([])
    scenario.chain.mine()
    await scenario.work(writer)
    expect(scenario.results()).toHaveLength(1)
  })

  it("leaves the lane to the process that has it, and takes it over when the lease is over", async () => {
    const scenario = laneScenario()
    const [first, second] = [scenario.newWriter(), scenario.newWriter()]
    await scenario.tick(first)
    await scenario.requested(register())
    expect(await scenario.tick(second)).toBe(0)
    scenario.later(LEASE_MS + 1)
    await scenario.work(second)
    expect(scenario.results()).toHaveLength(1)
  })

  it("takes over at once what was released", async () => {
    const scenario = laneScenario()
    const [first, second] = [scenario.newWriter(), scenario.newWriter()]
    await scenario.tick(first)
    await first.release()
    await scenario.requested(register())
    await scenario.work(second)
    expect(scenario.results()).toHaveLength(1)
  })

  it("sends nothing on another chain than the lane has written to", async () => {
    const scenario = laneScenario()
    await scenario.requested(register())
    const other = laneScenario()
    const writer = scenario.newWriter()
    await scenario.work(writer)
    await writer.release()
    await scenario.requested(register())
    expect(await scenario.tick(scenario.newWriter({ ledger: other.chain.ledger }))).toBe(0)
    expect(other.chain.broadcasts).toEqual([])
  })
})

describe("every verdict", () => {
  it("confirms a block that was over when it arrived: its tombstone is written", async () => {
    const scenario = laneScenario()
    await scenario.requested(blockRequested(anySubject(), -5))
    await scenario.work(scenario.newWriter())
    expect(scenario.results()).toEqual([["block-ip.confirmed", "Expired"]])
  })

  it("supersedes what another branch has overwritten, and lifts the log's clock above that", async () => {
    const scenario = laneScenario()
    const ours = unblockRequested(anySubject())
    const theirs = manualBlockRequested(ours.subject)
    await scenario.requested(theirs)
    const writer = scenario.newWriter()
    await scenario.work(writer)
    await scenario.requested(ours)
    await scenario.work(writer)
    expect(scenario.results().at(-1)).toEqual(["unblock-ip.superseded", "Superseded"])
    expect(scenario.memory.raisedPositions).toEqual([theirs.position])
  })

  it("supersedes an automatic block over a manual one", async () => {
    const scenario = laneScenario()
    const subject = anySubject()
    await scenario.requested(manualBlockRequested(subject), blockRequested(subject, 60))
    await scenario.work(scenario.newWriter())
    expect(scenario.results().at(-1)).toEqual(["block-ip.superseded", "Kept"])
    expect(scenario.memory.raisedPositions).toEqual([])
  })

  it("rejects another operation under a version that is taken, and leaves its batch unharmed", async () => {
    const scenario = laneScenario()
    const first = register()
    const second = { ...register(), subject: first.subject, position: first.position }
    await scenario.requested(first, second, register())
    await scenario.work(scenario.newWriter())
    expect(
      scenario
        .results()
        .map(([, outcome]) => outcome)
        .sort(),
    ).toEqual(["Applied", "Applied", "Conflict"])
    expect(scenario.memory.events.find(({ type }) => type === "register-patient.rejected")).toBeDefined()
  })

  it("rejects what the contract can never take", async () => {
    const scenario = laneScenario()
    const tooLong = blockRequested(anySubject(), 400 * 24 * 3600)
    await scenario.requested(tooLong)
    await scenario.work(scenario.newWriter())
    expect(scenario.results()).toEqual([["block-ip.rejected", "Invalid"]])
  })

  it("tries an expiry that is not due again, when it is", async () => {
    const scenario = laneScenario()
    const block = blockRequested(anySubject(), 60)
    const [, expiry] = await scenario.requested(block, expired(block))
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(expiry && scenario.stateOf(expiry)).toBe("pending")
    scenario.later(61_000)
    await scenario.work(writer)
    expect(scenario.results().at(-1)).toEqual(["expire-ip-block.confirmed", "Applied"])
  })

  it("tries an expiry whose block has not arrived again", async () => {
    const scenario = laneScenario()
    const block = blockRequested(anySubject(), -5)
    await scenario.requested(expired(block))
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(scenario.results()).toEqual([])
    await scenario.requested(block)
    scenario.later(60_000)
    await scenario.work(writer)
    expect(
      scenario
        .results()
        .map(([type]) => type)
        .sort(),
    ).toEqual(["block-ip.confirmed", "expire-ip-block.confirmed"])
  })

  it("tries a version from the future again", async () => {
    const scenario = laneScenario()
    const early = { ...register(), position: register().position + (600_000n << 22n) }
    await scenario.requested(early)
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(scenario.stateOf(early)).toBe("pending")
    scenario.later(600_000)
    await scenario.work(writer)
    expect(scenario.results()).toEqual([["register-patient.confirmed", "Applied"]])
  })
})

describe("the order of one subject", () => {
  it("claims the later operation in the same batch or when the earlier is included, never between", async () => {
    const scenario = laneScenario({ maxRecords: 1 })
    scenario.chain.automine = false
    const subject = anySubject()
    await scenario.requested(blockRequested(subject, 60), unblockRequested(subject))
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(scenario.chain.broadcasts).toHaveLength(1)
    scenario.chain.mine()
    await scenario.work(writer)
    expect(scenario.chain.broadcasts).toHaveLength(2)
    scenario.chain.mine()
    await scenario.work(writer)
    const [word] = await scenario.chain.registry("ip-block").words([subject])
    expect(decodeWord(word ?? 0n).flags & 1).toBe(0)
    expect(scenario.results().map(([, outcome]) => outcome)).toEqual(["Applied", "Applied"])
  })
})

describe("a type whose operations all wait for an earlier one of their subject", () => {
  it("does not hold up the other types", async () => {
    const scenario = laneScenario()
    const writer = scenario.newWriter()
    const subject = anySubject()
    const ahead = event("register-patient.requested", subject)
    const early = { ...ahead, position: ahead.position + (600_000n << 22n) }
    await scenario.requested(early)
    await scenario.work(writer)
    await scenario.requested(unblockRequested(anySubject()))
    await scenario.work(writer)
    const waiting = event("deactivate-patient.requested", subject)
    await scenario.requested({ ...waiting, position: early.position + 1024n })
    const [other] = await scenario.requested(unblockRequested(anySubject()))
    await scenario.work(writer)
    expect([early, waiting].map(scenario.stateOf)).toEqual(["pending", "pending"])
    expect(other && scenario.stateOf(other)).toBe("final")
  })
})

describe("a transaction that waited too long and then had no effect", () => {
  it("is no longer told of as one that is in no block", async () => {
    const scenario = laneScenario()
    scenario.chain.automine = false
    await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.later(130_000)
    await scenario.tick(writer)
    expect(scenario.findings()).toEqual(["unconfirmed"])
    scenario.chain.setObstacle("patient", "paused")
    scenario.chain.mine()
    await scenario.work(writer)
    expect(scenario.findings()).toEqual(["paused"])
  })
})
