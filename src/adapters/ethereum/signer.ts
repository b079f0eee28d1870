import { keccak256, recoverAddress, toBeHex } from "ethers"
import type { BatchTransaction, Hex, Signer } from "../../chain-writer/ports.ts"
import { batchCalldata } from "./batch-calldata.ts"
import type { KeyHolder } from "./keys.ts"
import { lowerHex } from "./registries.ts"
import { readSignature, signedBytes, type TransactionSignature, unsignedBytes } from "./transaction-bytes.ts"
import type { UnsignedTransaction } from "./unsigned-transaction.ts"

/** Signs batches with a key that may be held elsewhere. */
export function createSigner(key: KeyHolder, chainId: bigint): Signer {
  return {
    address: key.address,
    async sign(batch) {
      const unsigned = toTransaction(batch, chainId)
      const raw = lowerHex(await key.signTransaction(unsigned))
      const bytes = Buffer.from(raw.slice(2), "hex")
      assertSigned(bytes, unsigned, key.address)
      return { hash: lowerHex(keccak256(bytes)), raw }
    },
  }
}

function toTransaction(batch: BatchTransaction, chainId: bigint): UnsignedTransaction {
  const common = {
    chainId,
    nonce: batch.nonce,
    to: batch.contract,
    data: batchCalldata(batch.records),
    value: 0n,
    gasLimit: batch.gasLimit,
  }
  if (batch.pricing === "gas-price") return { ...common, type: 0, gasPrice: batch.maxFeePerGasWei }
  const { maxFeePerGasWei: maxFeePerGas, maxPriorityFeePerGasWei: maxPriorityFeePerGas } = batch
  return { ...common, type: 2, maxFeePerGas, maxPriorityFeePerGas }
}

/** A remote signer that changes a field, or uses another key, must be found out before anything is stored or sent. */
function assertSigned(raw: Buffer, wanted: UnsignedTransaction, address: Hex): void {
  const signature = readSignature(raw, wanted)
  const same = signature && signedBytes(wanted, signature).equals(raw) && isBy(address, wanted, signature)
  if (!same) throw new Error(`the signer of lane ${address} signed something else than it was asked to`)
}

function isBy(address: Hex, signed: UnsignedTransaction, { yParity, r, s }: TransactionSignature): boolean {
  const text = { yParity, r: toBeHex(r, 32), s: toBeHex(s, 32) }
  return lowerHex(recoverAddress(keccak256(unsignedBytes(signed)), text)) === address
}
