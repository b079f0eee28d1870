import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readChainWriterStatus } from "../../src/adapters/postgres/chain-writer/status.ts"
import type { LaneWriterOptions } from "../../src/chain-writer/writer.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../support/chain-writer.ts"
import { audit } from "../support/faults/audit.ts"
import { anyRequests, drive } from "../support/faults/drive.ts"
import { type FaultProxy, startFaultProxy } from "../support/faults/fault-proxy.ts"
import { type PrivateNode, startHardhat } from "../support/faults/private-node.ts"
import { auditFigures, expectExactlyOnce, faultScale, reportFaults } from "../support/faults/report.ts"
import { until } from "../support/until.ts"

const DEADLINE_MS = 40_000 * faultScale
/** A minute with `npm run test:faults`. */
const OUTAGE_MS = Math.min(60_000, 6_000 * faultScale)
const NODE_GONE = `node gone for ${OUTAGE_MS / 1_000} s`

/** What chains do to a transaction, on Hardhat's node: the one that asks a replacement for more. */
describe("a chain that makes trouble", { timeout: DEADLINE_MS + OUTAGE_MS + 30_000 }, () => {
  const injected: Record<string, number> = {
    dropped: 0,
    "base fee x10": 0,
    [NODE_GONE]: 0,
    "kept waiting": 0,
    "out of gas": 0,
    "larger than the node takes": 0,
  }
  const recoveries: number[] = []
  let node: PrivateNode
  let proxy: FaultProxy
  let bench: ChainWriterBench
  let operations = 0
  let figures: Readonly<Record<string, number>> = {}

  beforeAll(async () => {
    node = await startHardhat()
    proxy = await startFaultProxy(node.url, seededRandom(1))
    bench = await openChainWriterBench({ nodeUrl: node.url, writersUrl: proxy.url, requestTimeoutMs: 1_000 })
  })
  afterAll(async () => {
    reportFaults("mempool, fees, outage", injected, { recoveriesMs: recoveries, operations, figures })
    await bench.close()
    proxy.close()
    await node.stop()
  })

  function count(kind: string, times = 1): void {
    injected[kind] = (injected[kind] ?? 0) + times
  }

  const automine = (on: boolean) => node.rpc("evm_setAutomine", on)
  const mine = () => node.rpc("evm_mine")
  const finding = async (name: string) =>
    (await readChainWriterStatus(bench.database.sql)).findings.some(each => each.finding === name)

  async function pooled(): Promise<readonly { hash: string; maxFeePerGas: string }[]> {
    const block = await node.rpc<{ transactions: { hash: string; maxFeePerGas: string }[] }>(
      "eth_getBlockByNumber",
      "pending",
      true,
    )
    return block.transactions
  }

  async function newLane(options: Partial<LaneWriterOptions> = {}) {
    const key = await bench.chain.newWriter()
    const rest = { maxRecords: 5, resendMs: 200, stuckMs: 60_000, leaseMs: 5_000 }
    return bench.newWriter(key, { ...rest, ...options })
  }

  async function requested(subjects: number): Promise<void> {
    const requests = anyRequests(subjects)
    operations += requests.length
    await bench.requested(...requests)
  }

  async function finished(begunAt: number): Promise<void> {
    await until(
      () => bench.unfinished(),
      left => left === 0,
      DEADLINE_MS,
    )
    recoveries.push(performance.now() - begunAt)
  }

  async function expectOnce(): Promise<void> {
    const { addresses } = bench.chain
    const found = await audit({ nodeUrl: node.url, databaseUrl: bench.database.url, addresses })
    figures = auditFigures(found)
    expectExactlyOnce(found, operations)
  }

  it("drops transactions from its mempool: the same bytes are sent again", async () => {
    const lane = await newLane()
    await automine(false)
    await requested(4)
    await drive([lane], async () => {
      for (let round = 0; round < 3 * faultScale; round += 1) {
        const [transaction] = await until(pooled, found => found.length > 0)
        await node.rpc("hardhat_dropTransaction", transaction?.hash)
        count("dropped")
      }
      await automine(true)
      await mine()
      await finished(performance.now())
    })
    await expectOnce()
  })

  it("asks ten times the base fee at once: fees follow, and each replacement is accepted", async () => {
    const lane = await newLane()
    for (let round = 0; round < faultScale; round += 1) {
      await automine(false)
      await requested(3)
      const begunAt = performance.now()
      await drive([lane], async () => {
        const [before] = await until(pooled, found => found.length > 0)
        const block = await node.rpc<{ baseFeePerGas: string }>("eth_getBlockByNumber", "latest", false)
        const raised = BigInt(before?.maxFeePerGas ?? 0) * 10n + BigInt(block.baseFeePerGas)
        await node.rpc("hardhat_setNextBlockBaseFeePerGas", `0x${raised.toString(16)}`)
        await mine()
        count("base fee x10")
        await until(
          async () => {
            await mine()
            return bench.unfinished()
          },
          left => left === 0,
          DEADLINE_MS,
        )
        await automine(true)
        await finished(begunAt)
      })
    }
    await expectOnce()
  })

  it("is gone for a while: everything waits, and goes on by itself", async () => {
    const lane = await newLane()
    const begunAt = performance.now()
    await drive([lane], async () => {
      await requested(3)
      proxy.reachable(false)
      count(NODE_GONE)
      await requested(3)
      await until(() => performance.now() - begunAt > OUTAGE_MS, Boolean, OUTAGE_MS + 5_000)
      proxy.reachable(true)
      await finished(performance.now())
    })
    await expectOnce()
  })

  it("keeps a transaction waiting: a person is told after the timeout, and it is confirmed all the same", async () => {
    const lane = await newLane({ stuckMs: 300 })
    await automine(false)
    await requested(2)
    await drive([lane], async () => {
      await until(() => finding("unconfirmed"), Boolean)
      count("kept waiting")
      await automine(true)
      await mine()
      await finished(performance.now())
    })
    expect(await finding("unconfirmed")).toBe(false)
    await expectOnce()
  })

  it("needs more gas than was planned: a batch that ran out of it is smaller the next time", async () => {
    const gas = { gasPerRecord: 10_000n, gasPerBatch: 150_000n }
    const lane = await newLane({ maxRecords: 16, gas })
    await requested(24)
    await drive([lane], () => finished(performance.now()))
    const [row] = await bench.database.sql<{ reverted: number }[]>`
      select count(*)::int as reverted from reconciler.chain_transactions where state = 'reverted'`
    expect(row?.reverted).toBeGreaterThan(0)
    count("out of gas", row?.reverted)
    await expectOnce()
  })

  it("takes smaller transactions only: a batch is halved until it fits", async () => {
    const lane = await newLane({ maxRecords: 16 })
    await requested(24)
    // The writers see a roomy block while the node refuses more than so much gas.
    proxy.refuseAboveGas = 300_000n
    await drive([lane], () => finished(performance.now()))
    proxy.refuseAboveGas = null
    const [row] = await bench.database.sql<{ refused: number }[]>`
      select count(*)::int as refused from reconciler.chain_attempts where state = 'refused'`
    expect(row?.refused).toBeGreaterThan(0)
    count("larger than the node takes", row?.refused)
    await expectOnce()
  })
})
