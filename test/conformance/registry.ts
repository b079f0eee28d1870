import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type { Registry, Signer } from "../../src/chain-writer/ports.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { batchOf } from "../support/batch-of.ts"
import { anySubject, event } from "../support/event-builders.ts"
import type { LedgerHarness } from "./ledger.ts"

const register = (): EventRecord => event("register-patient.requested", anySubject())

/** The promises of the port Registry, kept by every implementation. */
export function registryConformance(name: string, open: () => Promise<LedgerHarness>): void {
  describe(`registry: ${name}`, () => {
    let harness: LedgerHarness
    let writer: Signer
    let patients: Registry

    beforeAll(async () => {
      harness = await open()
      writer = await harness.newWriter()
      patients = harness.registry("patient")
    })
    afterAll(() => harness.close())

    async function stored(...requests: EventRecord[]): Promise<readonly EventRecord[]> {
      const batch = await batchOf(harness.ledger, writer, patients, requests)
      const outcome = await harness.ledger.broadcast(await writer.sign(batch))
      if (outcome.kind !== "accepted") throw new Error(outcome.kind)
      return requests
    }

    it("is of its type, at an address of its own", () => {
      const types = ["patient", "ip-block", "attack-signature"] as const
      expect(types.map(type => harness.registry(type).type)).toEqual(types)
      expect(new Set(types.map(type => harness.registry(type).address)).size).toBe(3)
    })

    it("has words in the order asked for, as often as asked for", async () => {
      const [one, two] = await stored(register(), register())
      if (!one || !two) throw new Error("nothing was stored")
      const [first, second] = [toOperation(one)?.word, toOperation(two)?.word]
      const words = await patients.words([two.subject, anySubject(), one.subject, two.subject])
      expect(words).toEqual([second, 0n, first, second])
      expect(await patients.words([])).toEqual([])
    })

    it("has no word of another registry", async () => {
      const subjects = (await stored(register())).map(({ subject }) => subject)
      expect(await harness.registry("ip-block").words(subjects)).toEqual([0n])
    })

    it("has no words, not even 0, where there is no contract", async () => {
      await expect(harness.nowhere.words([anySubject()])).rejects.toThrow()
    })

    it("knows the past: words and rolling hash after a block", async () => {
      const height = () => harness.ledger.height(1)
      const [first] = await stored(register())
      if (!first) throw new Error("nothing was stored")
      const then = await height()
      await stored({ ...register(), subject: first.subject })
      const now = await height()
      const words = await Promise.all([then - 1, then, now].map(at => patients.wordsAt([first.subject], at)))
      expect(words.slice(0, 2)).toEqual([[0n], [toOperation(first)?.word]])
      expect(words[2]).toEqual(await patients.words([first.subject]))
      const heads = await Promise.all([then - 1, then, now, now].map(at => patients.head(writer.address, at)))
      expect(new Set(heads).size).toBe(3)
      expect(heads.every(head => head && /^0x[0-9a-f]{64}$/.test(head))).toBe(true)
      expect(await patients.wordsAt([first.subject], 1_000_000_000)).toBeNull()
      expect(await patients.head(writer.address, 1_000_000_000)).toBeNull()
    })

    it("stops everybody while it is paused, and no other registry with it", async () => {
      const stranger = await harness.newAccount()
      await harness.pause("ip-block", true)
      const blocks = harness.registry("ip-block")
      expect(await blocks.obstacle(writer.address)).toBe("paused")
      expect(await blocks.obstacle(stranger.address)).toBe("paused")
      expect(await patients.obstacle(writer.address)).toBeNull()
      await harness.pause("ip-block", false)
      expect(await blocks.obstacle(writer.address)).toBeNull()
      expect(await blocks.obstacle(stranger.address)).toBe("no-writer-role")
    })

    it("can be read while it is paused", async () => {
      const [request] = await stored(register())
      if (!request) throw new Error("nothing was stored")
      await harness.pause("patient", true)
      expect(await patients.words([request.subject])).toEqual([toOperation(request)?.word])
      await harness.pause("patient", false)
    })
  })
}
