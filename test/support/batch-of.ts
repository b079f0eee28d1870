import { batchGasLimit, DEFAULT_GAS_COSTS } from "../../src/chain-writer/batch.ts"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type { BatchTransaction, Ledger, Registry, Signer } from "../../src/chain-writer/ports.ts"
import type { EventRecord } from "../../src/domain/event.ts"

/** What the signer's account would send next for these requests, at a price that the chain takes. */
export async function batchOf(
  ledger: Ledger,
  signer: Signer,
  registry: Registry,
  requests: readonly EventRecord[],
): Promise<BatchTransaction> {
  const { pricing, baseFeePerGasWei, priorityFeePerGasWei } = await ledger.terms()
  const records = requests.flatMap(request => toOperation(request) ?? [])
  return {
    nonce: await ledger.nonce(signer.address, 1),
    contract: registry.address,
    records: records.map(({ subject, word }) => ({ subject, word })),
    gasLimit: batchGasLimit(records.length, DEFAULT_GAS_COSTS),
    pricing,
    maxFeePerGasWei: 2n * baseFeePerGasWei + priorityFeePerGasWei,
    maxPriorityFeePerGasWei: priorityFeePerGasWei,
  }
}
