import { describe, expect, it } from "vitest"
import type { Hex } from "../../src/chain-writer/ports.ts"
import { anyHash } from "../support/event-builders.ts"
import { register, type TransactionLogSteps } from "../support/transaction-log-steps.ts"

/** What the port TransactionLog promises of transactions that are not settled. */
export function openTransactionsConformance(steps: TransactionLogSteps): void {
  const { attempt, included, requested, reserved, sent } = steps

  describe("open transactions", () => {
    it("are read as they were written, in the order of nonces", async () => {
      await requested(register())
      const first = await reserved()
      const signed = await sent(first)
      await requested(register())
      const second = await reserved()
      const open = await steps.log.open(steps.lane)
      expect(open.map(({ id, nonce, state }) => [id, nonce, state])).toEqual([
        [first.id, 0, "sent"],
        [second.id, 1, "reserved"],
      ])
      expect(open[0]?.attempts).toMatchObject([{ ...signed, state: "sent" }])
      expect(open[0]?.attempts[0]?.firstSentAgoMs).toBeGreaterThanOrEqual(0)
      expect(open[0]?.operations).toEqual(first.operations)
    })

    it("have their signed bytes before they are sent", async () => {
      await requested(register())
      const transaction = await reserved()
      const signed = attempt(1)
      await steps.log.saveAttempt(steps.lane, transaction.id, signed)
      const [open] = await steps.log.open(steps.lane)
      expect(open).toMatchObject({
        state: "signed",
        attempts: [{ ...signed, state: "signed", firstSentAgoMs: null }],
      })
    })

    it("can be given a second attempt when the first is out, and not before", async () => {
      await requested(register())
      const transaction = await reserved()
      const signed = attempt(1)
      await steps.log.saveAttempt(steps.lane, transaction.id, signed)
      await expect(steps.log.saveAttempt(steps.lane, transaction.id, attempt(1, 12n))).rejects.toThrow()
      await steps.log.advance(steps.lane, transaction.id, { to: "sent", hash: signed.hash })
      await steps.log.saveAttempt(steps.lane, transaction.id, attempt(1, 12n))
      const [open] = await steps.log.open(steps.lane)
      expect(open?.attempts.map(each => each.maxFeePerGasWei)).toEqual([10n, 12n])
    })

    it("keep an attempt that was refused, for it may be mined all the same", async () => {
      await requested(register())
      const transaction = await reserved()
      const signed = attempt(1)
      await steps.log.saveAttempt(steps.lane, transaction.id, signed)
      await steps.log.advance(steps.lane, transaction.id, { to: "refused", hash: signed.hash })
      await steps.log.saveAttempt(steps.lane, transaction.id, attempt(1, 12n))
      const [open] = await steps.log.open(steps.lane)
      expect(open?.attempts.map(({ state }) => state)).toEqual(["refused", "signed"])
    })

    it("know where they were included, and forget it in a reorganisation", async () => {
      await requested(register(), register())
      const transaction = await reserved()
      const inclusion = await included(transaction, ["Applied", "Conflict"])
      expect((await steps.log.open(steps.lane))[0]).toMatchObject({ state: "included", inclusion })
      await steps.log.advance(steps.lane, transaction.id, { to: "reorged" })
      expect((await steps.log.open(steps.lane))[0]).toMatchObject({ state: "sent", inclusion: null })
      await steps.log.advance(steps.lane, transaction.id, { to: "included", inclusion })
      expect((await steps.log.open(steps.lane))[0]).toMatchObject({ state: "included" })
    })

    it("refuse a change that does not start from their state", async () => {
      await requested(register())
      const transaction = await reserved()
      const inclusion = {
        hash: anyHash() as Hex,
        blockNumber: 9,
        blockHash: anyHash() as Hex,
        outcomes: ["Applied"] as const,
      }
      await expect(
        steps.log.advance(steps.lane, transaction.id, { to: "included", inclusion }),
      ).rejects.toThrow()
      await expect(steps.log.settle(steps.lane, transaction.id, { as: "lost" })).rejects.toThrow()
      expect((await steps.log.open(steps.lane))[0]).toMatchObject({ state: "reserved" })
    })
  })
}
