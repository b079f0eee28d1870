import { describe, expect, it } from "vitest"
import type { Hex } from "../../src/chain-writer/ports.ts"
import { operationResults } from "../../src/chain-writer/results.ts"
import { anyHash, anySubject, blockRequested, expired, unblockRequested } from "../support/event-builders.ts"
import { register, type TransactionLogSteps } from "../support/transaction-log-steps.ts"
import { until } from "../support/until.ts"

/** What the port TransactionLog promises of a transaction's end. */
export function settlingConformance(steps: TransactionLogSteps): void {
  const { attempt, claim, confirm, ids, included, requested, reserved, sent } = steps

  describe("settling", () => {
    it("appends each final result once, with its cause, and ends the operation", async () => {
      const [request] = await requested(register())
      const inclusion = await confirm(await reserved(), ["Applied"])
      expect(await steps.log.open(steps.lane)).toEqual([])
      expect(await steps.log.ready()).toEqual([])
      expect(await steps.appended(request?.subject ?? "")).toMatchObject([
        {
          type: "register-patient.confirmed",
          causationId: request?.eventId,
          traceparent: request?.traceparent,
          payload: { operationId: request?.eventId, outcome: "Applied", transactionHash: inclusion.hash },
        },
      ])
    })

    it("cannot be done twice", async () => {
      const [request] = await requested(register())
      const transaction = await reserved()
      const inclusion = await included(transaction, ["Applied"])
      const results = operationResults(transaction.operations, inclusion, Date.now())
      const settlement = { as: "confirmed", results, foreignVersion: null } as const
      await steps.log.settle(steps.lane, transaction.id, settlement)
      await expect(steps.log.settle(steps.lane, transaction.id, settlement)).rejects.toThrow()
      expect(await steps.appended(request?.subject ?? "")).toHaveLength(1)
    })

    it("appends the results of one subject in the order of its operations", async () => {
      const subject = anySubject()
      await requested(blockRequested(subject, 60), unblockRequested(subject))
      await confirm(await reserved({ type: "ip-block" }), ["Applied", "Applied"])
      const types = (await steps.appended(subject)).map(({ type }) => type)
      expect(types).toEqual(["block-ip.confirmed", "unblock-ip.confirmed"])
    })

    it("gives back what is to be tried again, after its time, and says nothing of it", async () => {
      const [request] = await requested(expired(blockRequested(anySubject(), -5)))
      await confirm(await reserved({ type: "ip-block" }), ["Missing"])
      expect(await claim({ type: "ip-block" })).toBeNull()
      expect(await steps.appended(request?.subject ?? "")).toEqual([])
      const again = await until(
        () => claim({ type: "ip-block" }),
        found => found !== null,
      )
      expect(again).toMatchObject({ nonce: 1, operations: [{ eventId: request?.eventId, tries: 1 }] })
    })

    it("gives everything back when nothing took effect", async () => {
      const [request] = await requested(register())
      const transaction = await reserved()
      const { hash } = await sent(transaction)
      await steps.log.settle(steps.lane, transaction.id, { as: "reverted", hash, retryAfterMs: 0 })
      expect(await steps.log.open(steps.lane)).toEqual([])
      expect(ids(await claim())).toEqual([request?.eventId])
    })

    it("gives everything back when the nonce was someone else's", async () => {
      const [request] = await requested(register())
      const transaction = await reserved()
      await sent(transaction)
      await steps.log.settle(steps.lane, transaction.id, { as: "lost" })
      expect(await claim()).toMatchObject({ nonce: 1, operations: [{ eventId: request?.eventId }] })
    })

    it("lifts the log's clock above a version from another branch", async () => {
      const request = register()
      await requested(request)
      const foreign = request.position + (60_000n << 22n)
      await confirm(await reserved(), ["Superseded"], foreign)
      expect(await steps.isRaisedAbove(foreign)).toBe(true)
    })

    it("gives back at once what the mined attempt did not carry", async () => {
      await requested(register(), register(), register())
      const transaction = await reserved()
      const signed = attempt(2)
      await steps.log.saveAttempt(steps.lane, transaction.id, signed)
      await steps.log.advance(steps.lane, transaction.id, { to: "sent", hash: signed.hash })
      const outcomes = ["Applied", "Applied"] as const
      const inclusion = { hash: signed.hash, blockNumber: 9, blockHash: anyHash() as Hex, outcomes }
      await steps.log.advance(steps.lane, transaction.id, { to: "included", inclusion })
      expect(await claim()).toBeNull()
      const carried = transaction.operations.slice(0, 2)
      const results = operationResults(carried, inclusion, Date.now())
      await steps.log.settle(steps.lane, transaction.id, { as: "confirmed", results, foreignVersion: null })
      expect(ids(await claim())).toEqual([transaction.operations[2]?.eventId])
    })

    it("knows what was confirmed, newest first, and where it was mined again", async () => {
      await requested(register(), register())
      await confirm(await reserved({ limit: 1 }), ["Applied"])
      const inclusion = await confirm(await reserved({ limit: 1 }), ["Applied"])
      const [newest, ...more] = await steps.log.confirmed(steps.lane, 10, 1)
      expect([newest?.nonce, newest?.inclusion, more]).toEqual([1, inclusion, []])
      expect((await steps.log.confirmed(steps.lane, 1, 5)).map(({ nonce }) => nonce)).toEqual([0])
      const to = { hash: inclusion.hash, blockNumber: 12, blockHash: anyHash() as Hex }
      await steps.log.moveConfirmed(steps.lane, newest?.id ?? 0n, to)
      expect((await steps.log.confirmed(steps.lane, 10, 1))[0]?.inclusion).toEqual({ ...inclusion, ...to })
    })

    it("remembers what the chain contradicts, once", async () => {
      const [request] = await requested(register())
      await confirm(await reserved(), ["Applied"])
      const [confirmed] = await steps.log.confirmed(steps.lane, 10, 1)
      const eventIds = [request?.eventId ?? ""]
      await steps.log.contradict(steps.lane, confirmed?.id ?? 0n, eventIds)
      expect(await steps.log.confirmed(steps.lane, 10, 1)).toEqual([])
      await expect(steps.log.contradict(steps.lane, confirmed?.id ?? 0n, eventIds)).rejects.toThrow()
    })

    it("keeps the bytes of what is settled", async () => {
      await requested(register())
      const first = await reserved()
      const signed = await sent(first)
      await steps.log.settle(steps.lane, first.id, { as: "reverted", hash: signed.hash, retryAfterMs: 0 })
      expect(await steps.log.settledBytes(steps.lane, 0, 9)).toEqual([{ hash: signed.hash, raw: signed.raw }])
      expect(await steps.log.settledBytes(steps.lane, 1, 9)).toEqual([])
      const second = await reserved()
      const resigned = await sent(second)
      await steps.log.settle(steps.lane, second.id, { as: "reverted", hash: resigned.hash, retryAfterMs: 0 })
      const hashes = async (from: number, most: number) =>
        (await steps.log.settledBytes(steps.lane, from, most)).map(({ hash }) => hash)
      expect(await hashes(0, 9)).toEqual([signed.hash, resigned.hash])
      expect(await hashes(0, 1)).toEqual([signed.hash])
      expect(await hashes(1, 1)).toEqual([resigned.hash])
    })
  })
}
