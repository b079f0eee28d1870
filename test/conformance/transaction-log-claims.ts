import { describe, expect, it } from "vitest"
import { toOperation } from "../../src/chain-writer/intake.ts"
import { anySubject, blockRequested, expired, unblockRequested } from "../support/event-builders.ts"
import { register, type TransactionLogSteps } from "../support/transaction-log-steps.ts"

/** What the port TransactionLog promises of claims. */
export function claimsConformance(steps: TransactionLogSteps): void {
  const { claim, confirm, contract, ids, included, newLane, requested, reserved, sent } = steps

  describe("claims", () => {
    it("take what is pending in the order of positions, with the next nonce", async () => {
      const [a, b, c] = [register(), register(), register()]
      await requested(c, a, b)
      expect(ids(await claim({ limit: 2 }))).toEqual([a.eventId, b.eventId])
    })

    it("give the operations as they came in", async () => {
      const request = register()
      await requested(request)
      expect(await claim()).toMatchObject({
        nonce: 0,
        type: "patient",
        contract,
        state: "reserved",
        operations: [{ ...toOperation(request), tries: 0, type: undefined }].map(
          ({ type: _, backfill: __, ...rest }) => rest,
        ),
        attempts: [],
        inclusion: null,
      })
    })

    it("find nothing where nothing waits, and use no nonce for it", async () => {
      expect(await claim()).toBeNull()
      await requested(register())
      expect((await claim())?.nonce).toBe(0)
    })

    it("begin at the nonce the account is at", async () => {
      await requested(register())
      expect((await claim({ atLeastNonce: 7 }))?.nonce).toBe(7)
    })

    it("take nothing of another type", async () => {
      await requested(blockRequested(anySubject(), 60))
      expect(await claim()).toBeNull()
      expect(await steps.log.ready()).toEqual([{ type: "ip-block", live: true, backfill: false }])
    })

    it("take several operations of one subject together, in their order", async () => {
      const subject = anySubject()
      const [block, unblock] = await requested(blockRequested(subject, 60), unblockRequested(subject))
      expect(ids(await claim({ type: "ip-block" }))).toEqual([block?.eventId, unblock?.eventId])
    })

    it("wait while an earlier operation of the subject is sent, also on another lane", async () => {
      const subject = anySubject()
      await requested(blockRequested(subject, 60))
      await sent(await claim({ type: "ip-block" }))
      await requested(unblockRequested(subject))
      expect(await claim({ type: "ip-block" })).toBeNull()
      expect(await claim({ type: "ip-block" }, await newLane())).toBeNull()
    })

    it("go on when the earlier operation is included", async () => {
      const subject = anySubject()
      await requested(blockRequested(subject, 60))
      await included(await reserved({ type: "ip-block" }), ["Applied"])
      const [unblock] = await requested(unblockRequested(subject))
      expect(ids(await claim({ type: "ip-block" }))).toEqual([unblock?.eventId])
    })

    it("wait for an earlier operation that is to be tried again later", async () => {
      const block = blockRequested(anySubject(), 3_600)
      await requested(expired(block))
      await confirm(await reserved({ type: "ip-block" }), ["NotDue"])
      await requested(unblockRequested(block.subject))
      expect(await claim({ type: "ip-block" })).toBeNull()
    })

    it("never give an operation to two lanes that ask at once", async () => {
      await requested(...Array.from({ length: 20 }, register))
      const others = await Promise.all([newLane(), newLane(), newLane()])
      const claims = await Promise.all(others.map(other => claim({ limit: 8 }, other)))
      const claimed = claims.flatMap(ids)
      expect(claimed).toHaveLength(20)
      expect(new Set(claimed).size).toBe(20)
    })

    it("do not follow a transaction that was not sent", async () => {
      await requested(register())
      await claim()
      await requested(register())
      await expect(claim()).rejects.toThrow()
    })
  })
}
