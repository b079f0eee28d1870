import { JsonRpcProvider, Network } from "ethers"
import { registryInterface } from "../../src/adapters/ethereum/registries.ts"
import { toOperation } from "../../src/chain-writer/intake.ts"
import { type BenchChain, newRequests } from "./bench-chain.ts"
import { round } from "./rates.ts"

const POLL_MS = 20

/**
 * The plainest way: one transaction an operation, sent and waited for before the next, with nothing stored. As the old
 * commands did it, without their second of sleep a row. `ethers`: over its provider, set to ask at once and poll often.
 * `ours`: over this project's connection, which no plain program would have.
 */
export async function plainRate(chain: BenchChain, over: "ethers" | "ours", operations: number) {
  const { connection, addresses } = chain
  const { chainId } = connection
  const provider = over === "ours" ? connection.provider : ethersProvider(chain)
  const key = await chain.newAccount()
  provider.pollingInterval = POLL_MS
  let calls = 0
  const send = provider._send.bind(provider)
  provider._send = payload => {
    calls += 1
    return send(payload)
  }
  const begunAt = performance.now()
  for (const request of newRequests(operations)) {
    const operation = toOperation(request)
    if (!operation) throw new Error("not a request")
    const data = registryInterface.encodeFunctionData("applyBatch", [[[operation.subject, operation.word]]])
    const { maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData()
    const raw = await key.signTransaction({
      chainId,
      type: 2,
      nonce: await provider.getTransactionCount(key.address),
      to: addresses.patient,
      data,
      value: 0n,
      gasLimit: await provider.estimateGas({ from: key.address, to: addresses.patient, data }),
      maxFeePerGas: maxFeePerGas ?? 0n,
      maxPriorityFeePerGas: maxPriorityFeePerGas ?? 0n,
    })
    const response = await provider.broadcastTransaction(raw)
    const receipt = await response.wait()
    if (receipt?.status !== 1) throw new Error("a plain transaction reverted")
  }
  const seconds = (performance.now() - begunAt) / 1_000
  provider._send = send
  if (over === "ethers") provider.destroy()
  return {
    over,
    operations,
    operationsPerSecond: round(operations / seconds),
    transactionsPerOperation: 1,
    rpcCallsPerOperation: round(calls / operations),
  }
}

/** By default it would gather requests for 10 ms and poll every 4 s. */
function ethersProvider({ url, connection }: BenchChain): JsonRpcProvider {
  const network = Network.from(connection.chainId)
  return new JsonRpcProvider(url, network, { staticNetwork: network, cacheTimeout: -1, batchMaxCount: 1 })
}
