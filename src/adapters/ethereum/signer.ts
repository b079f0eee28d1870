import { keccak256, Transaction } from "ethers"
import type { BatchTransaction, Hex, Signer } from "../../chain-writer/ports.ts"
import type { KeyHolder, UnsignedTransaction } from "./keys.ts"
import { lowerHex, registryInterface } from "./registries.ts"

/** Signs batches with a key that may be held elsewhere. */
export function createSigner(key: KeyHolder, chainId: bigint): Signer {
  return {
    address: key.address,
    async sign(batch) {
      const unsigned = toTransaction(batch, chainId)
      const raw = await key.signTransaction(unsigned)
      assertSigned(raw, unsigned, key.address)
      return { hash: lowerHex(keccak256(raw)), raw: lowerHex(raw) }
    },
  }
}

function toTransaction(batch: BatchTransaction, chainId: bigint): UnsignedTransaction {
  const records = batch.records.map(({ subject, word }) => [subject, word])
  const common = {
    chainId,
    nonce: batch.nonce,
    to: batch.contract,
    data: registryInterface.encodeFunctionData("applyBatch", [records]),
    value: 0n,
    gasLimit: batch.gasLimit,
  }
  if (batch.pricing === "gas-price") return { ...common, type: 0, gasPrice: batch.maxFeePerGasWei }
  const { maxFeePerGasWei: maxFeePerGas, maxPriorityFeePerGasWei: maxPriorityFeePerGas } = batch
  return { ...common, type: 2, maxFeePerGas, maxPriorityFeePerGas }
}

/** A remote signer that changes a field, or uses another key, must be found out before anything is stored or sent. */
function assertSigned(raw: string, wanted: UnsignedTransaction, address: Hex): void {
  const signed = Transaction.from(raw)
  const same =
    signed.from !== null &&
    lowerHex(signed.from) === address &&
    signed.chainId === wanted.chainId &&
    signed.type === wanted.type &&
    signed.nonce === wanted.nonce &&
    signed.to?.toLowerCase() === wanted.to &&
    signed.data === wanted.data &&
    signed.value === wanted.value &&
    signed.gasLimit === wanted.gasLimit &&
    samePrice(signed, wanted)
  if (!same) throw new Error(`the signer of lane ${address} signed something else than it was asked to`)
}

function samePrice(signed: Transaction, wanted: UnsignedTransaction): boolean {
  if (wanted.type === 0) return signed.gasPrice === wanted.gasPrice
  const { maxFeePerGas, maxPriorityFeePerGas } = wanted
  return signed.maxFeePerGas === maxFeePerGas && signed.maxPriorityFeePerGas === maxPriorityFeePerGas
}
