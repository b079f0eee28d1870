import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { seededRandom } from "../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../support/chain-writer.ts"
import { audit } from "../support/faults/audit.ts"
import { anyRequests, drive } from "../support/faults/drive.ts"
import { type FaultProxy, RPC_FAULTS, type RpcFault, startFaultProxy } from "../support/faults/fault-proxy.ts"
import { type PrivateNode, startHardhat } from "../support/faults/private-node.ts"
import { auditFigures, expectExactlyOnce, faultScale, reportFaults } from "../support/faults/report.ts"
import { testSeed } from "../support/seed.ts"
import { until } from "../support/until.ts"

const seed = testSeed()
const DEADLINE_MS = 50_000 * faultScale
/** Longer than the writers' own limit would be a fault that they never see. */
const REQUEST_TIMEOUT_MS = 300
const BLOCK_MS = 200

describe(`a node that fails on purpose (TEST_SEED=${seed})`, { timeout: DEADLINE_MS + 30_000 }, () => {
  let node: PrivateNode
  let proxy: FaultProxy
  let bench: ChainWriterBench
  let operations = 0

  beforeAll(async () => {
    node = await startHardhat({ blockIntervalMs: BLOCK_MS })
    proxy = await startFaultProxy(node.url, seededRandom(seed))
    bench = await openChainWriterBench({
      nodeUrl: node.url,
      writersUrl: proxy.url,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    })
  })
  afterAll(async () => {
    await bench.close()
    proxy.close()
    await node.stop()
  })

  async function twoLanes() {
    const keys = [await bench.chain.newWriter(), await bench.chain.newWriter()]
    return keys.map(key =>
      bench.newWriter(key, {
        maxRecords: 5,
        confirmations: 2,
        resendMs: 300,
        stuckMs: 5_000,
        leaseMs: 5_000,
      }),
    )
  }

  async function expectOnce() {
    const { addresses } = bench.chain
    const found = await audit({ nodeUrl: node.url, databaseUrl: bench.database.url, addresses })
    expectExactlyOnce(found, operations)
    return auditFigures(found)
  }

  async function survive(kinds: readonly RpcFault[], share: number, subjects: number) {
    const requests = anyRequests(subjects)
    operations += requests.length
    await bench.requested(...requests)
    proxy.faults(kinds, share)
    await drive(await twoLanes(), () =>
      until(
        () => bench.unfinished(),
        left => left === 0,
        DEADLINE_MS,
      ),
    )
    proxy.faults([], 0)
    return expectOnce()
  }

  it.each(RPC_FAULTS)("%s", async fault => {
    // Forced, so that no seed leaves it out.
    for (let time = 0; time < 2 * faultScale; time += 1) proxy.next(fault)
    const before = proxy.injected.get(fault) ?? 0
    await survive([fault], 0.1, 6 * faultScale)
    expect((proxy.injected.get(fault) ?? 0) - before).toBeGreaterThanOrEqual(1)
  })

  it("all of them mixed", async () => {
    const figures = await survive(RPC_FAULTS, 0.2, 30 * faultScale)
    reportFaults("rpc, all tests of this file", proxy.injected, { seed, operations, figures })
  })
})
