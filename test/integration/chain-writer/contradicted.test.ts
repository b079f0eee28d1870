import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createLedger } from "../../../src/adapters/ethereum/ledger.ts"
import { createRegistry } from "../../../src/adapters/ethereum/registry.ts"
import { createSigner } from "../../../src/adapters/ethereum/signer.ts"
import { createLaneLevers } from "../../../src/adapters/postgres/chain-writer/lane-levers.ts"
import type { LaneWriter } from "../../../src/chain-writer/writer.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import { batchOf } from "../../support/batch-of.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { anySubject, event } from "../../support/event-builders.ts"
import {
  anvilMissing,
  type PrivateNode,
  startAnvil,
  startHardhat,
} from "../../support/faults/private-node.ts"
import { until } from "../../support/until.ts"

const CONFIRMATIONS = 2
const register = (): EventRecord => event("register-patient.requested", anySubject())

/** How a chain forgets its newest blocks, so that another history can take their place. */
const NODES: readonly (readonly [name: string, missing: string | null, start: () => Promise<PrivateNode>])[] =
  [
    ["Hardhat", null, startHardhat],
    ["anvil", anvilMissing(), startAnvil],
  ]

for (const [name, missing, start] of NODES) {
  describe.skipIf(missing)(`a result that another history of the chain takes back, on ${name}`, () => {
    const { signal } = new AbortController()
    let node: PrivateNode
    let bench: ChainWriterBench
    let lane: `0x${string}`
    let writer: LaneWriter

    beforeAll(async () => {
      node = await start()
      bench = await openChainWriterBench({ nodeUrl: node.url })
      const key = await bench.chain.newWriter()
      lane = key.address
      writer = bench.newWriter(key, { confirmations: CONFIRMATIONS, resendMs: 100, leaseMs: 5_000 })
    })
    afterAll(async () => {
      await bench.close()
      await node.stop()
    })

    const status = async () => (await createLaneLevers(bench.database.sql).list())[0]
    const deadLetters = () => bench.database.sql<{ eventId: string; reason: string }[]>`
      select event_id as "eventId", reason from reconciler.dead_letters`
    const results = () => bench.database.sql<{ causationId: string; type: string }[]>`
      select causation_id as "causationId", type from reconciler.outbox
      where type not like '%requested' order by seq`

    /** Passes with blocks between them, as on a chain that goes on. */
    async function pass(): Promise<void> {
      await writer.tick(signal)
      await node.rpc("evm_mine")
    }
    const passUntil = <T>(ask: () => Promise<T>, done: (answer: T) => boolean) =>
      until(async () => {
        await pass()
        return ask()
      }, done)

    /** Another branch's request, on the chain at once. */
    async function byAnotherBranch(request: EventRecord): Promise<void> {
      const { connection, addresses, newWriter } = bench.chain
      const ledger = createLedger(connection)
      const signer = createSigner(await newWriter(), connection.chainId)
      const registry = createRegistry(connection, "patient", addresses.patient)
      const batch = await batchOf(ledger, signer, registry, [request])
      expect(await ledger.broadcast(await signer.sign(batch))).toEqual({ kind: "accepted" })
    }

    it("halts the lane, waits as a dead letter, and is told to nobody a second time", async () => {
      const [taken, kept] = [register(), register()]
      const newer = { ...register(), subject: taken.subject }
      await byAnotherBranch(register())
      const snapshot = await node.rpc<string>("evm_snapshot")
      await bench.requested(taken, kept)
      await passUntil(bench.unfinished, left => left === 0)
      const told = await results()
      expect(told.map(({ type }) => type)).toEqual(Array(2).fill("register-patient.confirmed"))

      await node.rpc("evm_revert", snapshot)
      await byAnotherBranch(newer)
      // Before anybody has noticed: it must not hide what is behind it.
      await bench.requested(register())
      await passUntil(status, lane => lane?.findings.includes("result-contradicted") === true)
      const { nextNonce = 0 } = (await status()) ?? {}
      await bench.requested(register())
      for (let passes = 0; passes < 5; passes += 1) await pass()
      expect(await status()).toMatchObject({ halted: "reorg-too-deep", nextNonce })
      expect(await deadLetters()).toEqual([{ eventId: taken.eventId, reason: "result-contradicted" }])
      const ids = told.map(({ causationId }) => causationId)
      expect((await results()).filter(({ causationId }) => ids.includes(causationId))).toEqual(told)
      // What was begun before it was noticed has come to its end, what came later waits.
      expect(await bench.unfinished()).toBe(1)
    })

    it("lets the lane go on when a person has looked", async () => {
      expect(await createLaneLevers(bench.database.sql).resume(lane)).toBe(true)
      await passUntil(bench.unfinished, left => left === 0)
      expect(await status()).toMatchObject({ halted: null, findings: [] })
      expect(await deadLetters()).toHaveLength(1)
      expect(await results()).toHaveLength(4)
    })
  })
}
