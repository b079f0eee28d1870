import { registryInterface } from "../../src/adapters/ethereum/registries.ts"
import { toOperation } from "../../src/chain-writer/intake.ts"
import { type BenchChain, newRequests } from "./bench-chain.ts"
import { round } from "./rates.ts"

const POLL_MS = 20

/**
 * The plainest way: one transaction an operation, sent and waited for before the next, with nothing stored. As the old
 * commands did it, without their second of sleep a row.
 */
export async function plainRate(chain: BenchChain, operations: number) {
  const { connection, addresses } = chain
  const { provider, chainId } = connection
  const key = await chain.newAccount()
  provider.pollingInterval = POLL_MS
  const callsBefore = chain.rpcCalls()
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
  return {
    operations,
    operationsPerSecond: round(operations / seconds),
    transactionsPerOperation: 1,
    rpcCallsPerOperation: round((chain.rpcCalls() - callsBefore) / operations),
  }
}
