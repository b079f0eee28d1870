import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type { LaneLevers, LaneStatus } from "../../src/chain-writer/lane-levers.ts"
import type { Hex, Lane, Lanes, OperationQueue, TransactionLog } from "../../src/chain-writer/ports.ts"
import { anyHash, anySubject, event } from "../support/event-builders.ts"

export interface LaneLeversHarness {
  readonly levers: LaneLevers
  readonly lanes: Lanes
  readonly queue: OperationQueue
  readonly log: TransactionLog
  close(): Promise<void>
}

/** The promises of the port LaneLevers, kept by every implementation. */
export function laneLeversConformance(name: string, open: () => Promise<LaneLeversHarness>): void {
  describe(`lane levers: ${name}`, () => {
    const contract: Hex = `0x${"c0".repeat(20)}`
    const genesisHash = anyHash() as Hex
    let harness: LaneLeversHarness
    let lane: Lane
    let nextOffset = 0n

    beforeAll(async () => {
      harness = await open()
    })
    afterAll(() => harness.close())
    beforeEach(async () => {
      lane = await leased(anyAddress())
    })

    async function leased(address: Hex, leaseMs = 60_000): Promise<Lane> {
      const outcome = await harness.lanes.lease({ address, holder: "one", leaseMs, genesisHash })
      if (outcome.kind !== "leased") throw new Error(outcome.kind)
      return outcome.lane
    }

    async function status(address = lane.address): Promise<LaneStatus | undefined> {
      return (await harness.levers.list()).find(each => each.address === address)
    }

    /** Whether the lane begins a transaction for something that waits. */
    async function begins(): Promise<boolean> {
      const storedOffset = nextOffset === 0n ? null : nextOffset
      nextOffset += 1n
      const operations = [event("register-patient.requested", anySubject())].flatMap(
        each => toOperation(each) ?? [],
      )
      const from = { consumerGroup: "intake", topic: "topic", partition: 0, malformed: [] }
      await harness.queue.accept({ ...from, operations, storedOffset, nextOffset })
      const claim = { type: "patient", contract, limit: 100, backfillShare: 12, atLeastNonce: 0 } as const
      return (await harness.log.reserve(lane, claim)) !== null
    }

    it("shows a lane at work", async () => {
      expect(await status()).toEqual({
        address: lane.address,
        holder: "one",
        nextNonce: 0,
        openTransactions: 0,
        draining: false,
        halted: null,
        findings: [],
      })
    })

    it("counts what is open, and the nonces that it has", async () => {
      expect(await begins()).toBe(true)
      expect(await status()).toMatchObject({ nextNonce: 1, openTransactions: 1 })
    })

    it("shows no holder when the lease is over, or given back", async () => {
      await harness.lanes.release(lane)
      expect(await status()).toMatchObject({ holder: null })
      const { address } = await leased(lane.address, 0)
      expect(await status(address)).toMatchObject({ holder: null })
    })

    it("lists lanes in the order of their addresses, each with its own findings once", async () => {
      const other = await leased(anyAddress())
      await harness.lanes.setFinding(lane, "paused", "patient", true)
      await harness.lanes.setFinding(lane, "paused", "ip-block", true)
      await harness.lanes.setFinding(lane, "fee-cap", null, true)
      expect(await status()).toMatchObject({ findings: ["fee-cap", "paused"] })
      expect(await status(other.address)).toMatchObject({ findings: [] })
      const addresses = (await harness.levers.list()).map(({ address }) => address)
      expect(addresses).toEqual([...addresses].sort())
    })

    it("begins nothing new while it drains, and keeps what is open", async () => {
      expect(await begins()).toBe(true)
      expect(await harness.levers.setDraining(lane.address, true)).toBe(true)
      expect(await begins()).toBe(false)
      expect(await status()).toMatchObject({ draining: true, openTransactions: 1, halted: null })
    })

    it("begins again when it drains no more", async () => {
      await harness.levers.setDraining(lane.address, true)
      expect(await begins()).toBe(false)
      expect(await harness.levers.setDraining(lane.address, false)).toBe(true)
      expect(await begins()).toBe(true)
    })

    it("ends a halt, shown with its first reason, and only the findings that a person ends", async () => {
      await harness.lanes.halt(lane, "reorg-too-deep")
      await harness.lanes.halt(lane, "result-contradicted")
      await harness.lanes.setFinding(lane, "fee-cap", null, true)
      expect(await status()).toMatchObject({
        halted: "reorg-too-deep",
        findings: ["fee-cap", "reorg-too-deep", "result-contradicted"],
      })
      expect(await begins()).toBe(false)
      expect(await harness.levers.resume(lane.address)).toBe(true)
      expect(await status()).toMatchObject({ halted: null, findings: ["fee-cap"] })
      expect(await begins()).toBe(true)
    })

    it("leaves other lanes as they are, and makes none", async () => {
      await harness.lanes.halt(lane, "reorg-too-deep")
      const before = await harness.levers.list()
      const stranger = anyAddress()
      expect(await harness.levers.resume(stranger)).toBe(false)
      expect(await harness.levers.setDraining(stranger, true)).toBe(false)
      expect(await harness.levers.list()).toEqual(before)
    })
  })
}

function anyAddress(): Hex {
  return `0x${randomBytes(20).toString("hex")}`
}
