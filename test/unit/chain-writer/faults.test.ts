import { describe, expect, it } from "vitest"
import { batchGasLimit, DEFAULT_GAS_COSTS } from "../../../src/chain-writer/batch.ts"
import { CRASH_POINTS } from "../../../src/chain-writer/crash-points.ts"
import { DEFAULT_FEE_POLICY, initialFees } from "../../../src/chain-writer/fees.ts"
import { createIntake } from "../../../src/chain-writer/intake.ts"
import { anySubject, batchOf, event } from "../../support/event-builders.ts"
import { dieAt, Killed, LEASE_MS, laneScenario } from "../../support/lane-scenario.ts"
import { createInMemoryOperationQueue } from "../../support/twins/operation-queue.ts"

const register = () => event("register-patient.requested", anySubject())

describe("a process that dies", () => {
  const points = CRASH_POINTS.filter(point => !point.endsWith("-accept"))

  it.each(points)("at %s leaves everything to the next one, which does each operation once", async point => {
    const scenario = laneScenario({ maxRecords: 2 })
    const events = await scenario.requested(register(), register(), register())
    const dying = scenario.newWriter({ crashPoint: dieAt(point) })
    await expect(scenario.work(dying)).rejects.toThrow(Killed)
    scenario.later(LEASE_MS + 1)
    await scenario.work(scenario.newWriter())
    expect(events.map(scenario.timesApplied)).toEqual([1, 1, 1])
    expect(scenario.results()).toEqual(Array(3).fill(["register-patient.confirmed", "Applied"]))
    expect(new Set(scenario.chain.broadcasts.map(({ hash }) => hash)).size).toBe(2)
  })

  it("after it lost its lease can write nothing more", async () => {
    const scenario = laneScenario()
    const stopped = scenario.newWriter({
      crashPoint: async point => {
        // Stopped for longer than its lease, between signing and storing.
        if (point !== "before-save-attempt") return
        scenario.later(LEASE_MS + 1)
        await scenario.tick(scenario.newWriter())
      },
    })
    const [request] = await scenario.requested(register())
    expect(await scenario.tick(stopped)).toBe(0)
    expect(request && scenario.timesApplied(request)).toBe(1)
    expect(scenario.chain.broadcasts).toHaveLength(1)
  })
})

describe("intake", () => {
  it.each(["before-accept", "after-accept"] as const)(
    "loses and doubles nothing when it dies %s",
    async point => {
      const scenario = laneScenario()
      const queue = createInMemoryOperationQueue(scenario.memory)
      const dying = createIntake({ queue, maxPendingOperations: 10, crashPoint: dieAt(point) })
      const batch = batchOf([register(), register()])
      await expect(dying.handle(batch)).rejects.toThrow(Killed)
      await scenario.intake.handle(batch)
      expect(await queue.pending()).toEqual({ live: 2, backfill: 0 })
      expect(await scenario.intake.storedOffset("group", batch.topic, 0)).toBe(2n)
    },
  )
})

describe("an answer that is not there", () => {
  it("leads to the same bytes, when the node has them", async () => {
    const scenario = laneScenario()
    scenario.chain.nextAnswers.push("lost-answer")
    const [request] = await scenario.requested(register())
    await scenario.work(scenario.newWriter())
    expect(new Set(scenario.chain.broadcasts.map(({ hash }) => hash)).size).toBe(1)
    expect(request && scenario.timesApplied(request)).toBe(1)
    expect(scenario.results()).toHaveLength(1)
  })

  it("leads to the same bytes, when the node does not have them, and nothing follows before", async () => {
    const scenario = laneScenario({ maxRecords: 1 })
    scenario.chain.nextAnswers.push("unknown")
    await scenario.requested(register(), register())
    const writer = scenario.newWriter()
    await scenario.tick(writer)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0])
    await scenario.work(writer)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0, 0, 1])
    expect(scenario.chain.broadcasts[0]?.hash).toBe(scenario.chain.broadcasts[1]?.hash)
  })

  it("is asked for again when the node has dropped the transaction", async () => {
    const scenario = laneScenario()
    scenario.chain.automine = false
    await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.chain.dropPool()
    scenario.later(6_000)
    await scenario.tick(writer)
    scenario.chain.mine()
    await scenario.work(writer)
    expect(scenario.results()).toHaveLength(1)
    expect(new Set(scenario.chain.broadcasts.map(({ hash }) => hash)).size).toBe(1)
  })
})

describe("a transaction without effect", () => {
  it("gives its operations back, and halts the lane with a finding while the registry is paused", async () => {
    const scenario = laneScenario()
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter({
      crashPoint: point => {
        if (point === "after-save-attempt") scenario.chain.setObstacle("patient", "paused")
      },
    })
    await scenario.work(writer)
    expect(request && scenario.stateOf(request)).toBe("pending")
    expect(scenario.findings()).toEqual(["paused"])
    const sent = scenario.chain.broadcasts.length
    scenario.later(60_000)
    await scenario.work(writer)
    expect(scenario.chain.broadcasts).toHaveLength(sent)
    scenario.chain.setObstacle("patient", null)
    await scenario.work(scenario.newWriter({ holder: "process 1" }))
    expect(scenario.results()).toHaveLength(1)
  })

  it("halts only the type it concerns", async () => {
    const scenario = laneScenario()
    scenario.chain.setObstacle("patient", "no-writer-role")
    await scenario.requested(register(), event("unblock-ip.requested", anySubject()))
    await scenario.work(scenario.newWriter())
    expect(scenario.results()).toEqual([["unblock-ip.confirmed", "Applied"]])
    expect(scenario.findings()).toEqual(["no-writer-role"])
  })

  it("is not taken for success when there is no contract at the address", async () => {
    const scenario = laneScenario()
    const writer = scenario.newWriter({
      crashPoint: point => {
        if (point === "after-save-attempt") scenario.chain.setObstacle("patient", "no-contract")
      },
    })
    const [request] = await scenario.requested(register())
    await scenario.work(writer)
    expect(request && scenario.stateOf(request)).toBe("pending")
    expect(scenario.results()).toEqual([])
    expect(scenario.findings()).toEqual(["no-contract"])
  })

  it("is believed only at depth, for the chain may still change its mind", async () => {
    const scenario = laneScenario({ confirmations: 2 })
    scenario.chain.automine = false
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.chain.setObstacle("patient", "paused")
    scenario.chain.mine()
    await scenario.work(writer)
    expect(request && scenario.stateOf(request)).toBe("claimed")
    scenario.chain.mine()
    await scenario.work(writer)
    expect(request && scenario.stateOf(request)).toBe("pending")
  })
})

describe("a nonce", () => {
  it("that someone else has used gives the operations another, and a person is told", async () => {
    const scenario = laneScenario()
    scenario.chain.automine = false
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.chain.dropPool()
    scenario.chain.useNonce(scenario.address)
    scenario.chain.automine = true
    await scenario.workAwhile(writer)
    expect(request && scenario.timesApplied(request)).toBe(1)
    expect(scenario.findings()).toEqual(["foreign-nonce"])
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0, 1])
  })

  it("begins where the account is, when others have used it before", async () => {
    const scenario = laneScenario()
    scenario.chain.useNonce(scenario.address)
    scenario.chain.useNonce(scenario.address)
    await scenario.requested(register())
    await scenario.workAwhile(scenario.newWriter())
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([2])
    expect(scenario.findings()).toEqual([])
  })
})

describe("a reorganised chain", () => {
  it("gets the same bytes again, at once", async () => {
    const scenario = laneScenario({ confirmations: 3 })
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.chain.reorganise(1)
    await scenario.work(writer)
    scenario.chain.mine()
    scenario.chain.mine()
    await scenario.work(writer)
    expect(new Set(scenario.chain.broadcasts.map(({ hash }) => hash)).size).toBe(1)
    expect(request && scenario.timesApplied(request)).toBe(1)
    expect(scenario.results()).toHaveLength(1)
  })
})

describe("a reorganisation deeper than what was confirmed", () => {
  it("halts the lane, gets the same bytes at once, and nothing new until a person resumes", async () => {
    const scenario = laneScenario()
    const events = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.chain.reorganise(1)
    const more = await scenario.requested(register())
    await scenario.workAwhile(writer)
    expect(scenario.findings()).toEqual(["reorg-too-deep"])
    expect([...events, ...more].map(scenario.timesApplied)).toEqual([1, 0])
    await scenario.store.levers.resume(scenario.address)
    await scenario.workAwhile(writer)
    expect([...events, ...more].map(scenario.timesApplied)).toEqual([1, 1])
    expect(scenario.results()).toHaveLength(2)
    expect(scenario.findings()).toEqual([])
    expect(await scenario.deadLetters()).toEqual([])
  })

  it("halts it again when a person resumes before the old ones are back", async () => {
    const scenario = laneScenario()
    await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.chain.automine = false
    scenario.chain.reorganise(1)
    scenario.chain.mine()
    await scenario.workAwhile(writer)
    await scenario.store.levers.resume(scenario.address)
    await scenario.requested(register())
    await scenario.workAwhile(writer)
    expect(scenario.findings()).toContain("reorg-too-deep")
    expect(new Set(scenario.chain.broadcasts.map(({ nonce }) => nonce))).toEqual(new Set([0]))
  })

  it("sets aside, and never hides, results that the chain now contradicts", async () => {
    const scenario = laneScenario()
    await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.chain.reorganise(1)
    scenario.chain.useNonce(scenario.address)
    await scenario.workAwhile(writer)
    expect(scenario.findings()).toContain("result-contradicted")
    expect(await scenario.deadLetters()).toEqual(["result-contradicted"])
    expect(scenario.results()).toHaveLength(1)
  })
})

describe("a development chain that was reset", () => {
  it("gets nothing: not what is new, and not what was sent to the old one", async () => {
    const scenario = laneScenario()
    await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    const sent = scenario.chain.broadcasts.length
    scenario.chain.reset()
    await scenario.requested(register())
    await scenario.workAwhile(writer)
    await scenario.workAwhile(scenario.newWriter())
    expect(scenario.chain.broadcasts).toHaveLength(sent)
    expect(scenario.findings()).toEqual(["other-chain"])
  })
})

describe("a finding", () => {
  it("is told again by who comes back to a lane that another had meanwhile", async () => {
    const scenario = laneScenario()
    scenario.chain.setObstacle("patient", "paused")
    await scenario.requested(register())
    const [first, second] = [scenario.newWriter(), scenario.newWriter({ registries: [] })]
    await scenario.tick(first)
    scenario.later(LEASE_MS + 1)
    await scenario.tick(second)
    expect(scenario.findings()).toEqual([])
    await second.release()
    await scenario.tick(first)
    expect(scenario.findings()).toEqual(["paused"])
  })
})

describe("fees and funds", () => {
  it("that were raised do not hide an older attempt that is mined after all", async () => {
    const scenario = laneScenario({ stuckMs: 1_000, resendMs: 500 })
    scenario.chain.automine = false
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.later(1_500)
    scenario.chain.nextAnswers.push("unknown")
    await scenario.tick(writer)
    scenario.chain.mine()
    await scenario.work(writer)
    expect(scenario.chain.broadcasts).toHaveLength(2)
    expect(request && scenario.timesApplied(request)).toBe(1)
    expect(scenario.results()).toHaveLength(1)
    expect(scenario.findings()).toEqual([])
  })

  it("are raised for a transaction that is stuck, and either attempt counts", async () => {
    const scenario = laneScenario({ stuckMs: 1_000, resendMs: 500 })
    scenario.chain.automine = false
    const [request] = await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    scenario.later(1_500)
    await scenario.tick(writer)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual([0, 0])
    scenario.chain.mine()
    await scenario.work(writer)
    expect(request && scenario.timesApplied(request)).toBe(1)
    expect(scenario.results()).toHaveLength(1)
  })

  it("follow a base fee that rose between signing and sending", async () => {
    const scenario = laneScenario()
    await scenario.requested(register())
    const writer = scenario.newWriter({
      crashPoint: point => {
        if (point === "before-save-attempt") scenario.chain.baseFeePerGasWei = 5_000_000_000n
      },
    })
    await scenario.work(writer)
    expect(scenario.results()).toHaveLength(1)
  })

  it("wait at the cap, with a finding, and go on below it", async () => {
    const fees = { maxFeePerGasWei: 4_000_000_000n, minPriorityFeePerGasWei: 1n }
    const scenario = laneScenario({ fees })
    scenario.chain.baseFeePerGasWei = 10_000_000_000n
    await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(scenario.findings()).toEqual(["fee-cap"])
    expect(scenario.chain.broadcasts).toEqual([])
    scenario.chain.baseFeePerGasWei = 1_000_000_000n
    await scenario.work(writer)
    expect(scenario.findings()).toEqual([])
    expect(scenario.results()).toHaveLength(1)
  })

  it("that do not suffice stop new nonces, with a finding, until there is money", async () => {
    const scenario = laneScenario()
    scenario.chain.setBalance(scenario.address, 1n)
    await scenario.requested(register())
    const writer = scenario.newWriter()
    await scenario.work(writer)
    expect(scenario.findings()).toEqual(["insufficient-funds"])
    expect(scenario.chain.broadcasts).toEqual([])
    scenario.chain.setBalance(scenario.address, 10n ** 18n)
    await scenario.work(writer)
    expect(scenario.findings()).toEqual([])
    expect(scenario.results()).toHaveLength(1)
  })

  it("that pay for two batches begin no third in the same pass", async () => {
    const scenario = laneScenario({ maxRecords: 1, maxInFlight: 4 })
    scenario.chain.automine = false
    const fees = initialFees(await scenario.chain.ledger.terms(), DEFAULT_FEE_POLICY)
    const batchWei = batchGasLimit(1, DEFAULT_GAS_COSTS) * (fees?.maxFeePerGasWei ?? 0n)
    scenario.chain.setBalance(scenario.address, 2n * batchWei)
    await scenario.requested(register(), register(), register())
    await scenario.tick(scenario.newWriter())
    expect(scenario.chain.broadcasts).toHaveLength(2)
    expect(scenario.findings()).toEqual(["insufficient-funds"])
  })

  it("that pay for what waits are enough, though a full batch would cost more", async () => {
    const scenario = laneScenario({ maxRecords: 100 })
    const fees = initialFees(await scenario.chain.ledger.terms(), DEFAULT_FEE_POLICY)
    const batchWei = batchGasLimit(3, DEFAULT_GAS_COSTS) * (fees?.maxFeePerGasWei ?? 0n)
    scenario.chain.setBalance(scenario.address, batchWei)
    await scenario.requested(register(), register(), register())
    await scenario.work(scenario.newWriter())
    expect(scenario.results()).toHaveLength(3)
    expect(scenario.findings()).toEqual([])
  })

  it("that run out in flight stop the lane until there is money", async () => {
    const scenario = laneScenario()
    await scenario.requested(register())
    const writer = scenario.newWriter()
    scenario.chain.nextAnswers.push("insufficient-funds")
    await scenario.tick(writer)
    expect(scenario.findings()).toEqual(["insufficient-funds"])
    await scenario.work(writer)
    expect(scenario.results()).toHaveLength(1)
    expect(scenario.findings()).toEqual([])
  })
})
