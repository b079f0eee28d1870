import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchTransaction, Signer } from "../../src/chain-writer/ports.ts"
import { batchOf } from "../support/batch-of.ts"
import { anySubject, event } from "../support/event-builders.ts"
import type { LedgerHarness } from "./ledger.ts"

/** The promises of the port Signer, kept by every implementation. */
export function signerConformance(name: string, open: () => Promise<LedgerHarness>): void {
  describe(`signer: ${name}`, () => {
    let harness: LedgerHarness
    let signer: Signer

    beforeAll(async () => {
      harness = await open()
      signer = await harness.newWriter()
    })
    afterAll(() => harness.close())

    const registered = () => event("register-patient.requested", anySubject())
    const batch = (by = signer): Promise<BatchTransaction> =>
      batchOf(harness.ledger, by, harness.registry("patient"), [registered(), registered()])

    it("has addresses, hashes and bytes in lower case, so that they compare", async () => {
      const { hash, raw } = await signer.sign(await batch())
      expect(signer.address).toMatch(/^0x[0-9a-f]{40}$/)
      expect(hash).toMatch(/^0x[0-9a-f]{64}$/)
      expect(raw).toMatch(/^0x([0-9a-f]{2})+$/)
    })

    it("signs the same batch into the same bytes, however often", async () => {
      const wanted = await batch()
      const signed = await signer.sign(wanted)
      expect(await signer.sign({ ...wanted })).toEqual(signed)
    })

    it("signs every field: another value is another transaction", async () => {
      const wanted = await batch()
      const others: readonly Partial<BatchTransaction>[] = [
        {},
        { nonce: wanted.nonce + 1 },
        { contract: harness.nowhere.address },
        { records: wanted.records.slice(1) },
        { records: [...wanted.records].reverse() },
        { records: wanted.records.map(({ subject, word }) => ({ subject, word: word + 1n })) },
        { gasLimit: wanted.gasLimit + 1n },
        { maxFeePerGasWei: wanted.maxFeePerGasWei + 1n },
        { maxPriorityFeePerGasWei: wanted.maxPriorityFeePerGasWei - 1n },
        { pricing: "gas-price" },
      ]
      const signed = await Promise.all(others.map(other => signer.sign({ ...wanted, ...other })))
      expect(new Set(signed.map(({ hash }) => hash)).size).toBe(others.length)
      expect(new Set(signed.map(({ raw }) => raw)).size).toBe(others.length)
    })

    it("signs for one account only", async () => {
      const wanted = await batch()
      const other = await harness.newWriter()
      expect(other.address).not.toBe(signer.address)
      expect((await other.sign(wanted)).hash).not.toBe((await signer.sign(wanted)).hash)
    })

    it.each(["eip-1559", "gas-price"] as const)(
      "signs what the chain takes from its account, under its hash, priced by %s",
      async pricing => {
        const sender = await harness.newWriter()
        const wanted = { ...(await batch(sender)), pricing }
        const { hash, raw } = await sender.sign(wanted)
        expect(await harness.ledger.broadcast({ hash, raw })).toEqual({ kind: "accepted" })
        const receipt = await harness.ledger.receipt(hash, { contract: wanted.contract, records: 2 })
        expect(receipt?.effect).toEqual({ kind: "applied", outcomes: ["Applied", "Applied"] })
        expect(await harness.ledger.nonce(sender.address, 1)).toBe(wanted.nonce + 1)
      },
    )
  })
}
