import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createLaneLevers } from "../../src/adapters/postgres/chain-writer/lane-levers.ts"
import type { LaneWriter } from "../../src/chain-writer/writer.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../support/chain-writer.ts"
import { audit } from "../support/faults/audit.ts"
import { anyRequests, drive } from "../support/faults/drive.ts"
import { type MiningClock, mineByTheClock } from "../support/faults/mine-by-the-clock.ts"
import { anvilMissing, type PrivateNode, startAnvil } from "../support/faults/private-node.ts"
import { auditFigures, expectExactlyOnce, faultScale, reportFaults } from "../support/faults/report.ts"
import { testSeed } from "../support/seed.ts"
import { until } from "../support/until.ts"

const missing = anvilMissing()
if (missing) process.stderr.write(`[faults] skipped: ${missing}\n`)

const seed = testSeed()
/** Of one wait, however much there is of everything. */
const DEADLINE_MS = 60_000
const TIMEOUT_MS = 90_000 * faultScale
/** How often of each depth that halts the lane. */
const HALTS = Math.ceil(faultScale / 2)
const CONFIRMATIONS = 3
const BLOCK_MS = 60
/** For the writer to see a block before the next one is made. */
const PATIENCE_MS = 500

describe.skipIf(missing)(`reorganisations (TEST_SEED=${seed})`, { timeout: TIMEOUT_MS }, () => {
  const random = seededRandom(seed)
  const injected: Record<string, number> = {}
  const recoveries: number[] = []
  let clock: MiningClock
  let node: PrivateNode
  let bench: ChainWriterBench
  let lane: { readonly address: `0x${string}`; readonly writer: LaneWriter }
  let operations = 0
  let figures: Readonly<Record<string, number>> = {}

  beforeAll(async () => {
    node = await startAnvil()
    bench = await openChainWriterBench({ nodeUrl: node.url })
    lane = await newLane()
    await node.rpc("evm_setAutomine", false)
    clock = mineByTheClock(node, BLOCK_MS)
  })
  afterAll(async () => {
    await clock.stop()
    reportFaults("reorganisations", injected, { recoveriesMs: recoveries, seed, operations, figures })
    await bench.close()
    await node.stop()
  })

  async function newLane() {
    const key = await bench.chain.newWriter()
    const options = {
      maxRecords: 4,
      resendMs: 200,
      stuckMs: 60_000,
      leaseMs: 5_000,
      confirmations: CONFIRMATIONS,
    }
    return { address: key.address, writer: bench.newWriter(key, options) }
  }

  async function reorganise(depth: number): Promise<void> {
    await node.rpc("anvil_reorg", depth, [])
    const kind = `depth ${depth}`
    injected[kind] = (injected[kind] ?? 0) + 1
  }

  async function requested(subjects: number): Promise<void> {
    const requests = anyRequests(subjects)
    operations += requests.length
    await bench.requested(...requests)
  }

  const finished = () =>
    until(
      () => bench.unfinished(),
      left => left === 0,
      DEADLINE_MS,
    )
  const laneStatus = async () => {
    const lanes = await createLaneLevers(bench.database.sql).list()
    return lanes.find(({ address }) => address === lane.address)
  }

  async function countIn(state: "included" | "final"): Promise<number> {
    const [row] = await bench.database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.chain_operations where state = ${state}`
    return row?.count ?? 0
  }

  async function expectOnce(): Promise<void> {
    const { addresses } = bench.chain
    const found = await audit({ nodeUrl: node.url, databaseUrl: bench.database.url, addresses })
    figures = auditFigures(found)
    expectExactlyOnce(found, operations)
  }

  it(`of less than ${CONFIRMATIONS} blocks change nothing that was told, and halt nothing`, async () => {
    for (let round = 0; round < 4 * faultScale; round += 1) {
      const depth = 1 + (round % (CONFIRMATIONS - 1))
      await drive([lane.writer], async () => {
        await requested(6)
        await until(
          () => countIn("included"),
          count => count > 0,
          DEADLINE_MS,
        )
        const begunAt = performance.now()
        await reorganise(depth)
        if (random.chance(0.5)) await reorganise(1)
        await finished()
        recoveries.push(performance.now() - begunAt)
      })
    }
    expect(await laneStatus()).toMatchObject({ halted: null, findings: [] })
    await expectOnce()
  })

  /** Block by block, so that the newest confirmed batch is as deep as it has to be, and not deeper. */
  async function finishedBlockByBlock(): Promise<void> {
    await clock.pause()
    while ((await bench.unfinished()) > 0) {
      await node.rpc("evm_mine")
      const minedAt = performance.now()
      const waits = async () => (await bench.unfinished()) > 0 && performance.now() - minedAt < PATIENCE_MS
      await until(waits, waiting => !waiting, DEADLINE_MS)
    }
  }

  /** How many blocks a reorganisation must have to take back the newest confirmed batch; N, on a machine that is not busy. */
  async function depthOfNewest(): Promise<number> {
    const [row] = await bench.database.sql<{ block: number }[]>`
      select max(block_number)::int as block from reconciler.chain_transactions where state = 'confirmed'`
    return (await bench.chain.connection.provider.getBlockNumber()) - (row?.block ?? 0) + 1
  }

  async function haltByReorganisation(more: number): Promise<void> {
    await requested(3)
    await finishedBlockByBlock()
    const begunAt = performance.now()
    await reorganise((await depthOfNewest()) + more)
    clock.resume()
    await until(laneStatus, status => status?.halted === "reorg-too-deep", DEADLINE_MS)
    const { nextNonce = 0 } = (await laneStatus()) ?? {}
    await requested(3)
    const usedNonces = () => bench.chain.connection.provider.getTransactionCount(lane.address)
    await until(usedNonces, used => used === nextNonce, DEADLINE_MS)
    expect(await laneStatus()).toMatchObject({ nextNonce, halted: "reorg-too-deep" })
    // Resumed too early it halts again, so a person does it once more.
    await until(
      async () => {
        await createLaneLevers(bench.database.sql).resume(lane.address)
        return bench.unfinished()
      },
      left => left === 0,
      DEADLINE_MS,
    )
    recoveries.push(performance.now() - begunAt)
  }

  it.each([0, 1])(
    "of as many blocks as confirm, and %i more, halt the lane; the same bytes are sent again, and nothing told is contradicted",
    async more => {
      for (let time = 0; time < HALTS; time += 1) {
        await drive([lane.writer], () => haltByReorganisation(more))
        expect(await laneStatus()).toMatchObject({ halted: null, findings: [] })
      }
      await expectOnce()
    },
  )
})
