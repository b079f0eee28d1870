import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { connectChain } from "../../../src/adapters/ethereum/provider.ts"
import { seededRandom } from "../../../src/demo/random.ts"
import { type FaultProxy, startFaultProxy } from "../../support/faults/fault-proxy.ts"
import { type PrivateNode, startHardhat } from "../../support/faults/private-node.ts"

describe("several endpoints of one chain", () => {
  let node: PrivateNode
  let first: FaultProxy
  let second: FaultProxy
  const clock = { nowMs: () => Date.now() + laterMs, sleep: async () => {} }
  let laterMs = 0

  beforeAll(async () => {
    node = await startHardhat()
    for (let block = 0; block < 10; block += 1) await node.rpc("evm_mine")
    first = await startFaultProxy(node.url, seededRandom(1))
    second = await startFaultProxy(node.url, seededRandom(2))
  })
  afterAll(async () => {
    first.close()
    second.close()
    await node.stop()
  })

  async function connected(use: (height: () => Promise<number>) => Promise<void>): Promise<void> {
    const url = `${first.url}, ${second.url}`
    const connection = await connectChain({ url, requestTimeoutMs: 1_000, clock })
    try {
      await use(() => connection.provider.getBlockNumber())
    } finally {
      connection.close()
      for (const proxy of [first, second]) {
        proxy.reachable(true)
        proxy.rewrite = null
      }
    }
  }

  const calls = (proxy: FaultProxy) => [...proxy.calls.values()].reduce((sum, count) => sum + count, 0)

  it("are asked one at a time, the same one as long as it answers", async () => {
    await connected(async height => {
      await height()
      const before = calls(second)
      for (let call = 0; call < 5; call += 1) expect(await height()).toBe(10)
      expect(calls(second)).toBe(before)
    })
  })

  it("stand in for one another, at the start and later", async () => {
    first.reachable(false)
    await connected(async height => {
      expect(await height()).toBe(10)
      second.reachable(false)
      await expect(height()).rejects.toThrow("gave no answer")
      first.reachable(true)
      expect(await height()).toBe(10)
    })
  })

  it("are not believed when they lag behind the others", async () => {
    first.rewrite = (method, result) => (method === "eth_blockNumber" ? "0x2" : result)
    await connected(async height => expect(await height()).toBe(10))
  })

  it("are not asked when they are of another chain, also when they become so while we run", async () => {
    await connected(async height => {
      expect(await height()).toBe(10)
      first.rewrite = (method, result) => (method === "eth_chainId" ? "0x1" : result)
      const before = first.calls.get("eth_blockNumber") ?? 0
      laterMs += 20_000
      expect(await height()).toBe(10)
      second.reachable(false)
      await expect(height()).rejects.toThrow("chain id 1 instead of 31337")
      // Asked how high it is, to compare, but never for an answer.
      expect((first.calls.get("eth_blockNumber") ?? 0) - before).toBeLessThanOrEqual(1)
    })
  })
})
