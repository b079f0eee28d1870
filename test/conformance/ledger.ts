import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { batchGasLimit, DEFAULT_GAS_COSTS } from "../../src/chain-writer/batch.ts"
import { initialFees } from "../../src/chain-writer/fees.ts"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type { BatchTransaction, Hex, Ledger, Registry, Signer } from "../../src/chain-writer/ports.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import type { OperationType } from "../../src/domain/operation.ts"
import {
  anyHash,
  anySubject,
  blockRequested,
  event,
  expired,
  manualBlockRequested,
  unblockRequested,
} from "../support/event-builders.ts"

export interface LedgerHarness {
  readonly ledger: Ledger
  registry(type: OperationType): Registry
  /** A registry at an address where there is none. */
  readonly nowhere: Registry
  /** An account with money and the write role. */
  newWriter(): Promise<Signer>
  /** An account with money only. */
  newAccount(): Promise<Signer>
  setBalance(address: Hex, wei: bigint): Promise<void>
  pause(type: OperationType, paused: boolean): Promise<void>
  close(): Promise<void>
}

/**
 * The promises of the ports Ledger, Registry and Signer, kept together by every implementation, on a chain that mines
 * at each transaction. Pools and reorganisations are not for a node that others use too.
 */
export function ledgerConformance(name: string, open: () => Promise<LedgerHarness>): void {
  describe(`ledger: ${name}`, () => {
    let harness: LedgerHarness
    let writer: Signer

    beforeAll(async () => {
      harness = await open()
      writer = await harness.newWriter()
    })
    afterAll(() => harness.close())

    const registered = () => event("register-patient.requested", anySubject())

    async function sign(
      events: readonly EventRecord[],
      registry: Registry,
      more: Partial<BatchTransaction> = {},
      signer = writer,
    ) {
      const records = events.flatMap(each => toOperation(each) ?? [])
      const terms = await harness.ledger.terms()
      const fees = initialFees(terms, {
        maxFeePerGasWei: 10n ** 12n,
        minPriorityFeePerGasWei: 1n,
      })
      if (!fees) throw new Error("the chain is too dear")
      const nonce = await harness.ledger.nonce(signer.address, 1)
      const gasLimit = batchGasLimit(records.length, DEFAULT_GAS_COSTS)
      const { pricing } = terms
      return signer.sign({ nonce, contract: registry.address, records, gasLimit, pricing, ...fees, ...more })
    }

    async function send(events: readonly EventRecord[], registry: Registry, signer = writer) {
      const signed = await sign(events, registry, {}, signer)
      const outcome = await harness.ledger.broadcast(signed)
      const expected = { contract: registry.address, records: events.length }
      return { outcome: outcome.kind, receipt: await harness.ledger.receipt(signed.hash, expected), signed }
    }

    async function outcomesOf(registry: Registry, ...events: EventRecord[]) {
      const { receipt } = await send(events, registry)
      return receipt?.effect.kind === "applied" ? receipt.effect.outcomes : receipt?.effect.kind
    }

    it("mines a batch, with one outcome for each record, and counts the nonce", async () => {
      const before = await harness.ledger.nonce(writer.address, 1)
      const { outcome, receipt } = await send([registered(), registered()], harness.registry("patient"))
      expect(outcome).toBe("accepted")
      expect(receipt?.effect).toEqual({ kind: "applied", outcomes: ["Applied", "Applied"] })
      expect(await harness.ledger.nonce(writer.address, 1)).toBe(before + 1)
    })

    it("has the receipt's block under its number, and none above the newest", async () => {
      const { receipt } = await send([registered()], harness.registry("patient"))
      expect(receipt && (await harness.ledger.blockHash(receipt.blockNumber))).toBe(receipt?.blockHash)
      expect(await harness.ledger.blockHash(0)).toMatch(/^0x[0-9a-f]{64}$/)
      expect(await harness.ledger.blockHash(1_000_000_000)).toBeNull()
    })

    it("knows the past: what a block has, and how many nonces were used after it", async () => {
      const before = await harness.ledger.nonce(writer.address, 1)
      const { receipt, signed } = await send([registered()], harness.registry("patient"))
      const { blockNumber, blockHash } = receipt ?? { blockNumber: -1 }
      await send([registered()], harness.registry("patient"))
      expect(await harness.ledger.block(blockNumber)).toEqual({
        hash: blockHash,
        transactions: [signed.hash],
        timestampSeconds: expect.any(Number),
      })
      expect(await harness.ledger.block(1_000_000_000)).toBeNull()
      expect(await harness.ledger.nonceAt(writer.address, blockNumber - 1)).toBe(before)
      expect(await harness.ledger.nonceAt(writer.address, blockNumber)).toBe(before + 1)
      expect(await harness.ledger.nonceAt(writer.address, 1_000_000_000)).toBeNull()
    })

    it("has no receipt of a transaction it does not know", async () => {
      const expected = { contract: harness.registry("patient").address, records: 1 }
      expect(await harness.ledger.receipt(anyHash() as Hex, expected)).toBeNull()
    })

    it("stores the word that was sent", async () => {
      const request = registered()
      await send([request], harness.registry("patient"))
      const words = await harness.registry("patient").words([request.subject, anySubject()])
      expect(words).toEqual([toOperation(request)?.word, 0n])
    })

    it("has each outcome for the same reason", async () => {
      const patients = harness.registry("patient")
      const blocks = harness.registry("ip-block")
      const patient = registered()
      expect(await outcomesOf(patients, patient)).toEqual(["Applied"])
      const rival = { ...registered(), subject: patient.subject, position: patient.position }
      const old = { ...registered(), subject: patient.subject, position: patient.position - 1n }
      const far = { ...registered(), position: registered().position + (900_000n << 22n) }
      expect(await outcomesOf(patients, patient, rival, old, far)).toEqual([
        "AlreadyApplied",
        "Conflict",
        "Superseded",
        "Future",
      ])
      const block = blockRequested(anySubject(), 3_600)
      expect(await outcomesOf(blocks, expired(block), block, expired(block))).toEqual([
        "Missing",
        "Applied",
        "NotDue",
      ])
      const manual = manualBlockRequested(anySubject())
      const kept = blockRequested(manual.subject, 3_600)
      expect(await outcomesOf(blocks, manual, kept, expired(manual))).toEqual(["Applied", "Kept", "Kept"])
      const over = blockRequested(anySubject(), -60)
      expect(await outcomesOf(blocks, over, expired(over))).toEqual(["Expired", "AlreadyApplied"])
      const tooLong = blockRequested(anySubject(), 400 * 24 * 3600)
      expect(await outcomesOf(blocks, tooLong, unblockRequested(anySubject()))).toEqual([
        "Invalid",
        "Applied",
      ])
    })

    it("takes the same bytes for what they are: mined already", async () => {
      const { signed } = await send([registered()], harness.registry("patient"))
      expect((await harness.ledger.broadcast(signed)).kind).toBe("nonce-too-low")
    })

    it("refuses a nonce ahead of its turn", async () => {
      const nonce = (await harness.ledger.nonce(writer.address, 1)) + 3
      const signed = await sign([registered()], harness.registry("patient"), { nonce })
      expect((await harness.ledger.broadcast(signed)).kind).toBe("nonce-too-high")
    })

    it("refuses what its sender cannot pay, and what pays less than the base fee", async () => {
      const poor = await harness.newWriter()
      await harness.setBalance(poor.address, 1_000n)
      const unpayable = await sign([registered()], harness.registry("patient"), {}, poor)
      expect((await harness.ledger.broadcast(unpayable)).kind).toBe("insufficient-funds")
      expect(await harness.ledger.balanceWei(poor.address)).toBe(1_000n)
      const cheap = { maxFeePerGasWei: 1n, maxPriorityFeePerGasWei: 1n }
      const underpriced = await sign([registered()], harness.registry("patient"), cheap)
      expect((await harness.ledger.broadcast(underpriced)).kind).toBe("underpriced")
    })

    it("mines what a paused registry undoes, and says that it was undone", async () => {
      await harness.pause("attack-signature", true)
      const registry = harness.registry("attack-signature")
      const request = event("add-attack-signature.requested", anySubject(), { severity: 3 })
      expect(await registry.obstacle(writer.address)).toBe("paused")
      const { outcome, receipt } = await send([request], registry)
      expect(outcome).toBe("reverted")
      expect(receipt?.effect).toEqual({ kind: "reverted" })
      await harness.pause("attack-signature", false)
      expect(await registry.obstacle(writer.address)).toBeNull()
    })

    it("does not take success at an address without a contract for an effect", async () => {
      expect(await harness.nowhere.obstacle(writer.address)).toBe("no-contract")
      const { outcome, receipt } = await send([registered()], harness.nowhere)
      expect(outcome).toBe("accepted")
      expect(receipt?.effect).toEqual({ kind: "no-effect" })
    })

    it("does not take another number of outcomes for an effect", async () => {
      const registry = harness.registry("patient")
      const { signed } = await send([registered()], registry)
      const receipt = await harness.ledger.receipt(signed.hash, { contract: registry.address, records: 2 })
      expect(receipt?.effect).toEqual({ kind: "no-effect" })
    })

    it("knows a lane that may not write", async () => {
      const stranger = await harness.newAccount()
      expect(await harness.registry("patient").obstacle(stranger.address)).toBe("no-writer-role")
    })

    it("counts nonces as they were some blocks ago", async () => {
      const fresh = await harness.newWriter()
      await send([registered()], harness.registry("patient"), fresh)
      expect(await harness.ledger.nonce(fresh.address, 1)).toBe(1)
      expect(await harness.ledger.nonce(fresh.address, 1_000_000)).toBe(0)
    })
  })
}
