import { randomBytes } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type {
  Contracts,
  Deployments,
  Rebuild,
  RebuildPlan,
  RebuildRecord,
} from "../../src/chain-writer/deployment-ports.ts"
import type { Hex } from "../../src/chain-writer/ports.ts"
import type { SubjectState } from "../../src/domain/subject-state.ts"
import { anyHash, anyPosition, anySubject } from "../support/event-builders.ts"

export interface DeploymentsHarness {
  readonly deployments: Deployments
  readonly plan: RebuildPlan
  /** Whether a lane, of the rebuild or of none, gets something to do for this patient registry. */
  reserves(patientRegistry: Hex, rebuild: bigint | null): Promise<boolean>
  /** Whether a lane with nothing open can be leased by the rebuild's process, or by another one. */
  leases(rebuild: bigint | null): Promise<boolean>
  /** A lane that has written on that chain. */
  addLane(genesisHash: Hex): Promise<Hex>
  close(): Promise<void>
}

/** The promises of the ports Deployments and RebuildPlan, kept by every implementation. */
export function deploymentsConformance(name: string, open: () => Promise<DeploymentsHarness>): void {
  describe(`deployments: ${name}`, () => {
    const genesisHash = anyHash() as Hex
    const old = anyContracts()
    const fresh = anyContracts()
    let harness: DeploymentsHarness

    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    async function begun(): Promise<Rebuild> {
      const outcome = await harness.deployments.begin({ genesisHash, leaveChain: false })
      if (outcome.kind === "other-chain") throw new Error(outcome.kind)
      return outcome.rebuild
    }

    it("knows none at first, and lets anything be written to", async () => {
      expect(await harness.deployments.current()).toEqual({ active: null, rebuild: null })
      expect(await harness.reserves(old.patient, null)).toBe(true)
    })

    it("adopts the first, and tells all others which one that is", async () => {
      const first = { genesisHash, contracts: old }
      expect(await harness.deployments.adopt(first)).toEqual(first)
      expect(await harness.deployments.adopt({ genesisHash, contracts: fresh })).toEqual(first)
      expect((await harness.deployments.current()).active).toEqual(first)
    })

    it("lets only the active contracts be written to", async () => {
      await harness.deployments.adopt({ genesisHash, contracts: old })
      expect(await harness.reserves(fresh.patient, null)).toBe(false)
      expect(await harness.reserves(old.patient, null)).toBe(true)
    })

    it("lets nothing but the rebuild write while there is one, and to its contracts only", async () => {
      await harness.deployments.adopt({ genesisHash, contracts: old })
      const { id } = await begun()
      expect(await harness.reserves(old.patient, null)).toBe(false)
      expect(await harness.reserves(fresh.patient, id)).toBe(false)
      await harness.deployments.setContracts(id, fresh)
      await ask(id, 0)
      expect(await harness.reserves(old.patient, id)).toBe(false)
      expect(await harness.reserves(fresh.patient, null)).toBe(false)
      expect(await harness.reserves(fresh.patient, id)).toBe(true)
    })

    it("keeps the lanes that have nothing open for the rebuild", async () => {
      await harness.deployments.adopt({ genesisHash, contracts: old })
      expect(await harness.leases(null)).toBe(true)
      const { id } = await begun()
      expect(await harness.leases(null)).toBe(false)
      expect(await harness.leases(id)).toBe(true)
    })

    it("switches to what was rebuilt, at once and for all", async () => {
      await harness.deployments.adopt({ genesisHash, contracts: old })
      const { id } = await begun()
      await harness.deployments.setContracts(id, fresh)
      await harness.deployments.activate(id)
      expect(await harness.deployments.current()).toEqual({
        active: { genesisHash, contracts: fresh },
        rebuild: null,
      })
      expect(await harness.reserves(old.patient, null)).toBe(false)
      expect(await harness.reserves(fresh.patient, null)).toBe(true)
      expect(await harness.leases(null)).toBe(true)
      await expect(harness.deployments.activate(id)).rejects.toThrow()
    })

    it("is as before when a rebuild was abandoned", async () => {
      await harness.deployments.adopt({ genesisHash, contracts: old })
      const { id } = await begun()
      await harness.deployments.abandon(id)
      expect((await harness.deployments.current()).rebuild).toBeNull()
      expect(await harness.reserves(old.patient, null)).toBe(true)
      expect(await harness.leases(null)).toBe(true)
    })

    it("resumes a rebuild with all that was reached", async () => {
      const { id } = await begun()
      await harness.deployments.setContracts(id, fresh)
      await harness.plan.finish(id)
      await harness.plan.finishRound(id, 0)
      await harness.plan.finishRound(id, 0)
      expect(await harness.deployments.begin({ genesisHash, leaveChain: false })).toEqual({
        kind: "resumed",
        rebuild: { id, genesisHash, contracts: fresh, planned: true, rounds: 1 },
      })
    })

    it("begins nothing on another chain than the lanes', until they are to leave theirs", async () => {
      const lane = await harness.addLane(anyHash() as Hex)
      const refused = await harness.deployments.begin({ genesisHash, leaveChain: false })
      expect(refused).toEqual({ kind: "other-chain", lanes: [lane] })
      expect((await harness.deployments.current()).rebuild).toBeNull()
      expect(await harness.deployments.begin({ genesisHash, leaveChain: true })).toMatchObject({
        kind: "begun",
      })
      expect(await harness.deployments.begin({ genesisHash, leaveChain: false })).toMatchObject({
        kind: "resumed",
      })
    })

    it("begins anew where the chain of the one before is gone, whose plan goes too", async () => {
      const { id } = await begun()
      await harness.plan.stage(id, { states: [anyState()], ended: [] })
      const again = await harness.deployments.begin({ genesisHash: anyHash() as Hex, leaveChain: true })
      expect(again.kind).toBe("begun")
      expect("rebuild" in again && again.rebuild.id).not.toBe(id)
      expect(await harness.plan.page(id, null, 1)).toEqual([])
    })

    it("keeps of each subject the highest version, in whatever order they come", async () => {
      const { id } = await begun()
      const [low, high] = [anyState(), anyState()]
      const same = { ...high, subject: low.subject }
      await harness.plan.stage(id, { states: [same, low], ended: [] })
      await harness.plan.stage(id, { states: [low], ended: [] })
      expect(await harness.plan.page(id, null, 10)).toEqual([same])
    })

    it("marks the end of just the version that ended", async () => {
      const { id } = await begun()
      const [first, second, third] = [anyState(), anyState(), anyState()]
      await harness.plan.stage(id, {
        states: [first, second],
        ended: [
          { subject: first.subject, version: first.version },
          { subject: second.subject, version: second.version - 1n },
        ],
      })
      const newer = { ...third, subject: first.subject }
      const ends = async () =>
        Object.fromEntries(
          (await harness.plan.page(id, null, 10)).map(({ subject, ended }) => [subject, ended]),
        )
      expect(await ends()).toEqual({ [first.subject]: true, [second.subject]: false })
      await harness.plan.stage(id, { states: [newer], ended: [] })
      expect(await ends()).toEqual({ [first.subject]: false, [second.subject]: false })
    })

    it("gives all subjects, page by page, each once", async () => {
      const { id } = await begun()
      const states = Array.from({ length: 7 }, anyState)
      await harness.plan.stage(id, { states, ended: [] })
      const first = await harness.plan.page(id, null, 4)
      const second = await harness.plan.page(id, first.at(-1)?.subject ?? null, 4)
      const sorted = states.toSorted((a, b) => (a.subject < b.subject ? -1 : 1))
      expect([...first, ...second]).toEqual(sorted)
    })

    it("asks for a record once a round", async () => {
      const { id } = await begun()
      const record = await ask(id, 0)
      await harness.plan.ask(id, 0, [record])
      expect(await harness.plan.unfinished(id)).toBe(1)
      await harness.plan.ask(id, 1, [record])
      expect(await harness.plan.unfinished(id)).toBe(2)
    })

    async function ask(id: bigint, round: number): Promise<RebuildRecord> {
      const { subject, type, kind, version, word } = anyState()
      const record = { subject, type, kind, version, word }
      await harness.plan.ask(id, round, [record])
      return record
    }
  })
}

function anyState(): SubjectState {
  const version = anyPosition()
  const word = (version << 192n) | 5n
  return { subject: anySubject(), type: "patient", kind: "register-patient", version, word, ended: false }
}

function anyContracts(): Contracts {
  const address = (): Hex => `0x${randomBytes(20).toString("hex")}`
  return { patient: address(), "ip-block": address(), "attack-signature": address() }
}
