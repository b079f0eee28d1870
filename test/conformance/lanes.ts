import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { LaneLevers } from "../../src/chain-writer/lane-levers.ts"
import { type Hex, type Lanes, LeaseLostError, type LeaseOutcome } from "../../src/chain-writer/ports.ts"
import { anyHash } from "../support/event-builders.ts"
import { until } from "../support/until.ts"

export interface LanesHarness {
  readonly lanes: Lanes
  readonly levers: Pick<LaneLevers, "resume" | "setDraining">
  /** As `lane type finding`, of all lanes. */
  findings(): Promise<readonly string[]>
  close(): Promise<void>
}

const LONG_MS = 60_000
const SHORT_MS = 30

/** The promises of the port Lanes, kept by every implementation. */
export function lanesConformance(name: string, open: () => Promise<LanesHarness>): void {
  describe(`lanes: ${name}`, () => {
    let harness: LanesHarness
    let address: Hex
    let genesisHash: Hex

    beforeAll(async () => {
      harness = await open()
    })
    afterAll(() => harness.close())
    beforeEach(() => {
      address = `0x${randomBytes(20).toString("hex")}`
      genesisHash = anyHash() as Hex
    })

    const lease = (holder: string, leaseMs = LONG_MS): Promise<LeaseOutcome> =>
      harness.lanes.lease({ address, holder, leaseMs, genesisHash })

    async function leased(holder: string, leaseMs = LONG_MS) {
      const outcome = await lease(holder, leaseMs)
      if (outcome.kind !== "leased") throw new Error(outcome.kind)
      return outcome.lane
    }

    it("gives a lane that nobody has, with nonces from 0", async () => {
      expect(await lease("one")).toEqual({
        kind: "leased",
        lane: { address, epoch: 1n },
        nextNonce: 0,
        draining: false,
        halted: false,
      })
    })

    it("prolongs a lease for its holder, in the same epoch", async () => {
      const first = await leased("one")
      expect(await leased("one")).toEqual(first)
    })

    it("gives a lane that is held to no other", async () => {
      await leased("one")
      expect(await lease("two")).toEqual({ kind: "held" })
    })

    it("gives a lane whose lease is over to another, in a new epoch", async () => {
      await leased("one", SHORT_MS)
      const taken = await until(
        () => lease("two"),
        outcome => outcome.kind === "leased",
      )
      expect(taken).toMatchObject({ lane: { epoch: 2n } })
    })

    it("gives a released lane to another at once", async () => {
      await harness.lanes.release(await leased("one"))
      expect(await leased("two")).toEqual({ address, epoch: 2n })
    })

    it("lets nobody release what is another's by now", async () => {
      const old = await leased("one")
      await harness.lanes.release(old)
      await leased("two")
      await harness.lanes.release(old)
      expect(await lease("three")).toEqual({ kind: "held" })
    })

    it("gives one of two that ask at once", async () => {
      const outcomes = await Promise.all([lease("one"), lease("two"), lease("three")])
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["held", "held", "leased"])
    })

    it("refuses a lane on another chain than the one its nonces are of", async () => {
      await harness.lanes.release(await leased("one"))
      genesisHash = anyHash() as Hex
      expect(await lease("one")).toEqual({ kind: "other-chain" })
    })

    it("keeps a finding until it ends, once", async () => {
      const lane = await leased("one")
      await harness.lanes.setFinding(lane, "paused", "patient", true)
      await harness.lanes.setFinding(lane, "paused", "patient", true)
      await harness.lanes.setFinding(lane, "fee-cap", null, true)
      const own = async () => (await harness.findings()).filter(finding => finding.startsWith(address)).sort()
      expect(await own()).toEqual([`${address}  fee-cap`, `${address} patient paused`])
      await harness.lanes.setFinding(lane, "paused", "patient", false)
      expect(await own()).toEqual([`${address}  fee-cap`])
    })

    it("drops a predecessor's findings, but not that someone else signs with the key", async () => {
      const lane = await leased("one")
      await harness.lanes.setFinding(lane, "paused", "patient", true)
      await harness.lanes.setFinding(lane, "foreign-nonce", null, true)
      await harness.lanes.release(lane)
      await leased("two")
      const own = (await harness.findings()).filter(finding => finding.startsWith(address))
      expect(own).toEqual([`${address}  foreign-nonce`])
    })

    it("leaves nothing found on a lane that nobody has any more, but what a person has to look at", async () => {
      const lane = await leased("one")
      await harness.lanes.setFinding(lane, "insufficient-funds", null, true)
      await harness.lanes.setFinding(lane, "foreign-nonce", null, true)
      await harness.lanes.release({ ...lane, epoch: lane.epoch - 1n })
      const own = async () => (await harness.findings()).filter(finding => finding.startsWith(address))
      expect(await own()).toHaveLength(2)
      await harness.lanes.release(lane)
      expect(await own()).toEqual([`${address}  foreign-nonce`])
    })

    it("halts a lane until a person resumes it, through other holders too", async () => {
      const lane = await leased("one")
      await harness.lanes.halt(lane, "reorg-too-deep")
      await harness.lanes.release(lane)
      expect(await lease("two")).toMatchObject({ kind: "leased", halted: true })
      const own = async () => (await harness.findings()).filter(finding => finding.startsWith(address))
      expect(await own()).toEqual([`${address}  reorg-too-deep`])
      expect(await harness.levers.resume(address)).toBe(true)
      expect(await lease("two")).toMatchObject({ kind: "leased", halted: false })
      expect(await own()).toEqual([])
    })

    it("drains a lane and puts it to work again, and knows no other", async () => {
      await leased("one")
      expect(await harness.levers.setDraining(address, true)).toBe(true)
      expect(await lease("one")).toMatchObject({ draining: true })
      expect(await harness.levers.setDraining(address, false)).toBe(true)
      expect(await lease("one")).toMatchObject({ draining: false })
      const stranger: Hex = `0x${randomBytes(20).toString("hex")}`
      expect(await harness.levers.resume(stranger)).toBe(false)
      expect(await harness.levers.setDraining(stranger, true)).toBe(false)
    })

    it("tells of another chain until it is the right one again", async () => {
      await harness.lanes.release(await leased("one"))
      const right = genesisHash
      genesisHash = anyHash() as Hex
      await lease("one")
      const own = async () => (await harness.findings()).filter(finding => finding.startsWith(address))
      expect(await own()).toEqual([`${address}  other-chain`])
      genesisHash = right
      await lease("one")
      expect(await own()).toEqual([])
    })

    it("fences off a finding of an epoch that has passed", async () => {
      const old = await leased("one")
      await harness.lanes.release(old)
      await leased("two")
      await expect(harness.lanes.setFinding(old, "paused", "patient", true)).rejects.toThrow(LeaseLostError)
    })
  })
}
