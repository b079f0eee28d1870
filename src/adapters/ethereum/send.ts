import { Transaction, type TransactionReceipt } from "ethers"
import { systemClock } from "../../runtime/clock.ts"
import { UnavailableError } from "../../runtime/errors.ts"
import type { KeyHolder } from "./keys.ts"
import { createLedger } from "./ledger.ts"
import type { ChainConnection } from "./provider.ts"

export interface Call {
  /** Null to make a contract. */
  readonly to: string | null
  readonly data: string
}

const POLL_MS = 100

/**
 * Sends calls by one account and waits until all are in a block: for set-up by a person, not for the lanes.
 * Throws UnavailableError when one is not mined in time, Error when one reverts.
 */
export async function sendCalls(
  connection: ChainConnection,
  key: KeyHolder,
  calls: readonly Call[],
  timeoutMs: number,
): Promise<readonly TransactionReceipt[]> {
  const { provider } = connection
  const firstNonce = await provider.getTransactionCount(key.address, "latest")
  const terms = await createLedger(connection).terms()
  const maxFeePerGas = terms.baseFeePerGasWei * 2n + terms.priorityFeePerGasWei
  const price =
    terms.pricing === "gas-price"
      ? ({ type: 0, gasPrice: terms.priorityFeePerGasWei } as const)
      : ({ type: 2, maxFeePerGas, maxPriorityFeePerGas: terms.priorityFeePerGasWei } as const)
  const hashes: string[] = []
  for (const [index, { to, data }] of calls.entries()) {
    const estimate = await provider.estimateGas({ from: key.address, to, data })
    const raw = await key.signTransaction({
      chainId: connection.chainId,
      nonce: firstNonce + index,
      to,
      data,
      value: 0n,
      gasLimit: (estimate * 5n) / 4n,
      ...price,
    })
    hashes.push(Transaction.from(raw).hash ?? "")
    await provider.send("eth_sendRawTransaction", [raw])
  }
  return Promise.all(hashes.map(hash => waitFor(connection, hash, timeoutMs)))
}

/** By asking again and again: ethers waits for the next block, and on a chain that mines on demand there may be none. */
async function waitFor(
  { provider }: ChainConnection,
  hash: string,
  timeoutMs: number,
): Promise<TransactionReceipt> {
  const deadlineMs = systemClock.nowMs() + timeoutMs
  while (systemClock.nowMs() < deadlineMs) {
    // A node that is away for a moment says nothing about the transaction.
    const receipt = await provider.getTransactionReceipt(hash).catch(() => null)
    if (receipt?.status === 0) throw new Error(`transaction ${hash} reverted`)
    if (receipt) return receipt
    await systemClock.sleep(POLL_MS)
  }
  throw new UnavailableError(`Transaction ${hash} was not mined within ${timeoutMs / 1000} s.`)
}
