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
  return {
    chainId,
    type: 2,
    nonce: batch.nonce,
    to: batch.contract,
    data: registryInterface.encodeFunctionData("applyBatch", [records]),
    value: 0n,
    gasLimit: batch.gasLimit,
    maxFeePerGas: batch.maxFeePerGasWei,
    maxPriorityFeePerGas: batch.maxPriorityFeePerGasWei,
  }
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
    signed.maxFeePerGas === wanted.maxFeePerGas &&
    signed.maxPriorityFeePerGas === wanted.maxPriorityFeePerGas
  if (!same) throw new Error(`the signer of lane ${address} signed something else than it was asked to`)
}
