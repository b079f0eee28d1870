import { describe, expect, it } from "vitest"
import type { Hex, OpenTransaction } from "../../src/chain-writer/ports.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { anyHash, anySubject, unblockRequested } from "../support/event-builders.ts"
import { register, type TransactionLogSteps } from "../support/transaction-log-steps.ts"

const backfill = (): EventRecord => ({ ...register(), backfill: true })
/** In the order of positions. */
const several = (size: number, one: () => EventRecord) => Array.from({ length: size }, one)
const idsOf = (events: readonly EventRecord[]) => events.map(({ eventId }) => eventId)

/** What the ports OperationQueue and TransactionLog promise of live work and backfill. */
export function backfillConformance(steps: TransactionLogSteps): void {
  const { claim, ids, requested, sent } = steps

  /** Claimed and sent: a transaction that is not may not be followed. */
  async function take(limit = 100, backfillShare = 0, type: "patient" | "ip-block" = "patient") {
    const transaction = await claim({ type, limit, backfillShare })
    if (transaction) await sent(transaction)
    return transaction
  }

  async function include(transaction: OpenTransaction | null): Promise<void> {
    if (!transaction) throw new Error("nothing was claimed")
    const [open] = (await steps.log.open(steps.lane)).filter(({ id }) => id === transaction.id)
    const hash = open?.attempts[0]?.hash ?? (anyHash() as Hex)
    const outcomes = transaction.operations.map(() => "Applied" as const)
    const inclusion = { hash, blockNumber: 9, blockHash: anyHash() as Hex, outcomes }
    await steps.log.advance(steps.lane, transaction.id, { to: "included", inclusion })
  }

  describe("live work and backfill", () => {
    it("take live operations before backfill that is older, and fill up with it in its order", async () => {
      const old = several(3, backfill)
      const live = several(2, register)
      await requested(...old, ...live)
      expect(ids(await take(2))).toEqual(idsOf(live))
      const next = register()
      await requested(next)
      expect(ids(await take(3))).toEqual(idsOf([...old.slice(0, 2), next]))
      expect(ids(await take(3))).toEqual(idsOf(old.slice(2)))
    })

    it("keep a share for backfill, however much live work there is, and give it up where there is none", async () => {
      const old = several(3, backfill)
      const live = several(20, register)
      await requested(...old, ...live)
      expect(ids(await take(8, 2))).toEqual(idsOf([...old.slice(0, 2), ...live.slice(0, 6)]))
      expect(ids(await take(8, 2))).toEqual(idsOf([...old.slice(2), ...live.slice(6, 13)]))
      expect(ids(await take(8, 2))).toEqual(idsOf(live.slice(13)))
    })

    it("take what is before a live operation of its subject with it, and no other backfill", async () => {
      const [mine, other] = [backfill(), backfill()]
      const live = { ...register(), subject: mine.subject }
      await requested(other, mine)
      await requested(live)
      expect(ids(await take(2))).toEqual(idsOf([mine, live]))
      expect(ids(await take(2))).toEqual(idsOf([other]))
    })

    it("do so also for what comes late, from before a live operation that waits", async () => {
      const mine = backfill()
      const live = { ...register(), subject: mine.subject }
      await requested(live, backfill())
      await requested(mine)
      expect(ids(await take(2))).toEqual(idsOf([mine, live]))
    })

    it("leave a live operation waiting for one of its subject that is claimed, and go on with it afterwards", async () => {
      const mine = backfill()
      const live = { ...register(), subject: mine.subject }
      await requested(mine)
      const claimed = await take()
      await requested(live)
      expect(await take()).toBeNull()
      await include(claimed)
      expect(ids(await take())).toEqual([live.eventId])
    })

    it("take again with the live one what came back after it was requested", async () => {
      const mine = { ...unblockRequested(anySubject()), backfill: true }
      await requested(mine)
      const claimed = await take(9, 0, "ip-block")
      if (!claimed) throw new Error("nothing was claimed")
      await requested({ ...unblockRequested(anySubject()), backfill: true })
      const live = unblockRequested(mine.subject)
      await requested(live)
      await steps.log.settle(steps.lane, claimed.id, { as: "lost" })
      expect(ids(await take(2, 0, "ip-block"))).toEqual(idsOf([mine, live]))
    })

    it("let backfill of a subject wait for a live operation before it", async () => {
      const live = register()
      const later = { ...backfill(), subject: live.subject }
      await requested(live, later)
      const first = await take()
      expect(ids(first)).toEqual([live.eventId])
      expect(await take()).toBeNull()
      await include(first)
      expect(ids(await take())).toEqual([later.eventId])
    })

    it("are told apart in what waits, and in what is ready", async () => {
      await requested(...several(3, backfill), register())
      expect(await steps.queue.pending()).toEqual({ live: 1, backfill: 3 })
      expect(await steps.log.waiting("patient", 2)).toEqual({ live: 1, backfill: 2 })
      expect(await steps.log.ready()).toEqual([{ type: "patient", live: true, backfill: true }])
      await take(1)
      expect(await steps.log.ready()).toEqual([{ type: "patient", live: false, backfill: true }])
      await take()
      expect(await steps.log.ready()).toEqual([])
    })
  })
}
