import { randomBytes, randomUUID } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type { Hex, Lane, OpenTransaction } from "../../src/chain-writer/ports.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import type { Outcome } from "../../src/domain/outcome.ts"
import { anyHash, anySubject, event, unblockRequested } from "../support/event-builders.ts"
import type { TransactionLogHarness } from "./transaction-log.ts"

const register = (): EventRecord => event("register-patient.requested", anySubject())
const backfill = (): EventRecord => ({ ...register(), backfill: true })
/** In the order of positions. */
const several = (size: number, one: () => EventRecord) => Array.from({ length: size }, one)
const idsOf = (events: readonly EventRecord[]) => events.map(({ eventId }) => eventId)

/** What the ports OperationQueue and TransactionLog promise of live work and backfill. */
export function claimOrderConformance(name: string, open: () => Promise<TransactionLogHarness>): void {
  describe(`claims of live work and backfill: ${name}`, () => {
    let harness: TransactionLogHarness
    let lane: Lane

    beforeEach(async () => {
      harness = await open()
      const address: Hex = `0x${randomBytes(20).toString("hex")}`
      const genesisHash = anyHash() as Hex
      const leased = await harness.lanes.lease({ address, holder: "one", leaseMs: 60_000, genesisHash })
      if (leased.kind !== "leased") throw new Error(leased.kind)
      lane = leased.lane
    })
    afterEach(() => harness.close())

    async function requested(...events: EventRecord[]): Promise<void> {
      await harness.queue.accept({
        consumerGroup: "intake",
        topic: `topic-${randomUUID()}`,
        partition: 0,
        operations: events.flatMap(each => toOperation(each) ?? []),
        malformed: [],
        storedOffset: null,
        nextOffset: 1n,
      })
    }

    async function claim(limit = 100, backfillShare = 0, type: "patient" | "ip-block" = "patient") {
      const contract: Hex = `0x${"c0".repeat(20)}`
      const claim = { type, contract, limit, backfillShare, atLeastNonce: 0 }
      const transaction = await harness.log.reserve(lane, claim)
      if (transaction) await send(transaction)
      return transaction
    }

    async function send({ id, operations }: OpenTransaction): Promise<void> {
      const hash = anyHash() as Hex
      const fees = { gasLimit: 1n, maxFeePerGasWei: 1n, maxPriorityFeePerGasWei: 1n }
      await harness.log.saveAttempt(lane, id, { hash, raw: hash, records: operations.length, ...fees })
      await harness.log.advance(lane, id, { to: "sent", hash })
    }

    async function include(transaction: OpenTransaction | null, outcome: Outcome = "Applied"): Promise<void> {
      if (!transaction) throw new Error("nothing was claimed")
      const [open] = (await harness.log.open(lane)).filter(({ id }) => id === transaction.id)
      const hash = open?.attempts[0]?.hash ?? (anyHash() as Hex)
      const outcomes = transaction.operations.map(() => outcome)
      const inclusion = { hash, blockNumber: 9, blockHash: anyHash() as Hex, outcomes }
      await harness.log.advance(lane, transaction.id, { to: "included", inclusion })
    }

    const ids = (transaction: OpenTransaction | null) =>
      transaction?.operations.map(({ eventId }) => eventId) ?? []

    it("take live operations before backfill that is older, and fill up with it in its order", async () => {
      const old = several(3, backfill)
      const live = several(2, register)
      await requested(...old, ...live)
      expect(ids(await claim(2))).toEqual(idsOf(live))
      const next = register()
      await requested(next)
      expect(ids(await claim(3))).toEqual(idsOf([...old.slice(0, 2), next]))
      expect(ids(await claim(3))).toEqual(idsOf(old.slice(2)))
    })

    it("keep a share for backfill, however much live work there is, and give it up where there is none", async () => {
      const old = several(3, backfill)
      const live = several(20, register)
      await requested(...old, ...live)
      expect(ids(await claim(8, 2))).toEqual(idsOf([...old.slice(0, 2), ...live.slice(0, 6)]))
      expect(ids(await claim(8, 2))).toEqual(idsOf([...old.slice(2), ...live.slice(6, 13)]))
      expect(ids(await claim(8, 2))).toEqual(idsOf(live.slice(13)))
    })

    it("take what is before a live operation of its subject with it, and no other backfill", async () => {
      const [mine, other] = [backfill(), backfill()]
      const live = { ...register(), subject: mine.subject }
      await requested(other, mine)
      await requested(live)
      expect(ids(await claim(2))).toEqual(idsOf([mine, live]))
      expect(ids(await claim(2))).toEqual(idsOf([other]))
    })

    it("do so also for what comes late, from before a live operation that waits", async () => {
      const mine = backfill()
      const live = { ...register(), subject: mine.subject }
      await requested(live, backfill())
      await requested(mine)
      expect(ids(await claim(2))).toEqual(idsOf([mine, live]))
    })

    it("leave a live operation waiting for one of its subject that is claimed, and go on with it afterwards", async () => {
      const mine = backfill()
      const live = { ...register(), subject: mine.subject }
      await requested(mine)
      const claimed = await claim()
      await requested(live)
      expect(await claim()).toBeNull()
      await include(claimed)
      expect(ids(await claim())).toEqual([live.eventId])
    })

    it("take again with the live one what came back after it was requested", async () => {
      const mine = { ...unblockRequested(anySubject()), backfill: true }
      await requested(mine)
      const claimed = await claim(9, 0, "ip-block")
      if (!claimed) throw new Error("nothing was claimed")
      await requested({ ...unblockRequested(anySubject()), backfill: true })
      const live = unblockRequested(mine.subject)
      await requested(live)
      await harness.log.settle(lane, claimed.id, { as: "lost" })
      expect(ids(await claim(2, 0, "ip-block"))).toEqual(idsOf([mine, live]))
    })

    it("let backfill of a subject wait for a live operation before it", async () => {
      const live = register()
      const later = { ...backfill(), subject: live.subject }
      await requested(live, later)
      const first = await claim()
      expect(ids(first)).toEqual([live.eventId])
      expect(await claim()).toBeNull()
      await include(first)
      expect(ids(await claim())).toEqual([later.eventId])
    })

    it("are told apart in what waits, and in what is ready", async () => {
      await requested(...several(3, backfill), register())
      expect(await harness.queue.pending()).toEqual({ live: 1, backfill: 3 })
      expect(await harness.log.waiting("patient", 2)).toEqual({ live: 1, backfill: 2 })
      expect(await harness.log.ready()).toEqual([{ type: "patient", live: true, backfill: true }])
      await claim(1)
      expect(await harness.log.ready()).toEqual([{ type: "patient", live: false, backfill: true }])
      await claim()
      expect(await harness.log.ready()).toEqual([])
    })
  })
}
