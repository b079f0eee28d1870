import { describe, expect, it } from "vitest"
import { LeaseLostError } from "../../src/chain-writer/ports.ts"
import { register, type TransactionLogHarness, useTransactionLog } from "../support/transaction-log-steps.ts"
import { backfillConformance } from "./transaction-log-backfill.ts"
import { claimsConformance } from "./transaction-log-claims.ts"
import { openTransactionsConformance } from "./transaction-log-open.ts"
import { settlingConformance } from "./transaction-log-settling.ts"

/** The promises of the port TransactionLog, kept by every implementation. */
export function transactionLogConformance(name: string, open: () => Promise<TransactionLogHarness>): void {
  describe(`transaction log: ${name}`, () => {
    const steps = useTransactionLog(open)
    const { attempt, claim, genesisHash, newLane, requested, reserved, sent } = steps

    claimsConformance(steps)
    backfillConformance(steps)
    openTransactionsConformance(steps)
    settlingConformance(steps)

    it("counts what waits, no further than asked", async () => {
      await requested(register(), register(), register())
      expect(await steps.log.waiting("patient", 2)).toEqual({ live: 2, backfill: 0 })
      expect(await steps.log.waiting("patient", 9)).toEqual({ live: 3, backfill: 0 })
      expect(await steps.log.waiting("ip-block", 9)).toEqual({ live: 0, backfill: 0 })
    })

    it("reserves nothing for a lane that is halted", async () => {
      await requested(register())
      await steps.lanes.halt(steps.lane, "reorg-too-deep")
      expect(await claim()).toBeNull()
      expect(await claim({}, await newLane())).not.toBeNull()
    })

    it("fences off every write of an epoch that has passed", async () => {
      await requested(register(), register())
      const transaction = await reserved({ limit: 1 })
      const signed = await sent(transaction)
      await steps.lanes.release(steps.lane)
      const { address } = steps.lane
      await steps.lanes.lease({ address, holder: "two", leaseMs: 60_000, genesisHash })
      const writes = [
        () => claim({}, steps.lane),
        () => steps.log.saveAttempt(steps.lane, transaction.id, attempt(1)),
        () => steps.log.advance(steps.lane, transaction.id, { to: "sent", hash: signed.hash }),
        () => steps.log.settle(steps.lane, transaction.id, { as: "lost" }),
      ]
      for (const write of writes) await expect(write()).rejects.toThrow(LeaseLostError)
    })
  })
}
