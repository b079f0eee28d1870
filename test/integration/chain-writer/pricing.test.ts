import { Transaction } from "ethers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { LaneWriterOptions } from "../../../src/chain-writer/writer.ts"
import { seededRandom } from "../../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { audit } from "../../support/faults/audit.ts"
import { anyRequests } from "../../support/faults/drive.ts"
import { type FaultProxy, startFaultProxy } from "../../support/faults/fault-proxy.ts"
import {
  anvilMissing,
  type PrivateNode,
  startAnvil,
  startHardhat,
} from "../../support/faults/private-node.ts"
import { expectExactlyOnce } from "../../support/faults/report.ts"
import { until } from "../../support/until.ts"

type Start = () => Promise<PrivateNode>

/** A node of its own behind a proxy that can make it another kind of chain. */
async function withBench(
  start: Start,
  use: (bench: ChainWriterBench, proxy: FaultProxy, node: PrivateNode) => Promise<void>,
): Promise<void> {
  const node = await start()
  const proxy = await startFaultProxy(node.url, seededRandom(1))
  const bench = await openChainWriterBench({ nodeUrl: node.url, writersUrl: proxy.url })
  try {
    await use(bench, proxy, node)
  } finally {
    await bench.close()
    proxy.close()
    await node.stop()
  }
}

async function confirmOnce(
  bench: ChainWriterBench,
  node: PrivateNode,
  options: Partial<LaneWriterOptions> = {},
): Promise<Transaction[]> {
  const requests = anyRequests(6)
  await bench.requested(...requests)
  await bench.finish(bench.newWriter(await bench.chain.newWriter(), options))
  const { addresses } = bench.chain
  const found = await audit({ nodeUrl: node.url, databaseUrl: bench.database.url, addresses })
  expectExactlyOnce(found, requests.length)
  const rows = await bench.database.sql<{ raw: Buffer }[]>`select raw from reconciler.chain_attempts`
  return rows.map(({ raw }) => Transaction.from(`0x${raw.toString("hex")}`))
}

describe("a chain", { timeout: 60_000 }, () => {
  it("without base fee gets transactions with a gas price", async () => {
    await withBench(startHardhat, async (bench, proxy, node) => {
      proxy.rewrite = (method, result) => {
        if (method !== "eth_getBlockByNumber" || typeof result !== "object" || result === null) return result
        const { baseFeePerGas: _baseFee, ...block } = result as Record<string, unknown>
        return block
      }
      const sent = await confirmOnce(bench, node)
      expect(new Set(sent.map(({ type }) => type))).toEqual(new Set([0]))
      expect(sent.every(({ gasPrice, chainId }) => (gasPrice ?? 0n) > 0n && chainId === 31337n)).toBe(true)
    })
  })

  it.skipIf(anvilMissing())("that asks for no fees is offered none", async () => {
    const free: Start = () =>
      startAnvil({ args: ["--base-fee", "0", "--gas-price", "0", "--no-priority-fee"] })
    await withBench(free, async (bench, proxy, node) => {
      // Every block, and the tip that the node would suggest.
      proxy.rewrite = (method, result) => {
        if (method === "eth_maxPriorityFeePerGas" || method === "eth_gasPrice") return "0x0"
        if (method === "eth_feeHistory") return { baseFeePerGas: ["0x0", "0x0"], reward: [["0x0"]] }
        return method === "eth_getBlockByNumber" && result ? { ...result, baseFeePerGas: "0x0" } : result
      }
      const sent = await confirmOnce(bench, node)
      expect(sent.map(({ maxFeePerGas }) => maxFeePerGas)).toEqual(sent.map(() => 0n))
    })
  })

  it.skipIf(anvilMissing())("may say itself what is final: results wait for that", async () => {
    await withBench(startAnvil, async (bench, _proxy, node) => {
      const requests = anyRequests(3)
      await bench.requested(...requests)
      const writer = bench.newWriter(await bench.chain.newWriter(), { confirmations: "finalized" })
      const { signal } = new AbortController()
      const included = async () => {
        await writer.tick(signal)
        const rows = await bench.database.sql`
          select from reconciler.chain_operations where state <> 'included'`
        return rows.length
      }
      await until(included, others => others === 0)
      for (let pass = 0; pass < 5; pass += 1) await writer.tick(signal)
      expect(await bench.unfinished()).toBe(requests.length)
      await node.rpc("anvil_mine", "0x20")
      await bench.finish(writer)
    })
  })
})

describe("the state machine in the database", () => {
  let bench: ChainWriterBench
  beforeAll(async () => {
    bench = await openChainWriterBench()
    await bench.requested(...anyRequests(3))
    await bench.finish(bench.newWriter(await bench.chain.newWriter()))
  })
  afterAll(() => bench.close())

  it.each([
    ["chain_operations", "state = 'pending', result = null, outcome = null, final_at = null"],
    ["chain_operations", "word = word"],
    ["chain_transactions", "state = 'reserved', settled_at = null"],
    ["chain_transactions", "nonce = nonce + 1"],
    ["chain_attempts", "state = 'signed'"],
    ["chain_attempts", "raw = raw"],
  ])("refuses to change a %s: %s", async (table, change) => {
    const update = bench.database.sql.unsafe(`update reconciler.${table} set ${change}`)
    await expect(update).rejects.toMatchObject({ code: expect.stringMatching(/^RC01[01]$/) })
  })

  it("keeps every signed transaction", async () => {
    await expect(bench.database.sql`delete from reconciler.chain_attempts`).rejects.toThrow(
      "cannot be changed",
    )
  })
})
