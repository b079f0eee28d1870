import { decodeRlpList, encodeRlp, integerBytes, integerFromBytes, type RlpItem } from "./rlp.ts"
import type { UnsignedTransaction } from "./unsigned-transaction.ts"

/** Of secp256k1, as a transaction carries it. */
export interface TransactionSignature {
  readonly yParity: 0 | 1
  readonly r: bigint
  readonly s: bigint
}

/** The first byte of an EIP-1559 transaction (EIP-2718). */
const TYPE_2 = Buffer.from([2])
/** What a type 0 transaction adds to its chain id twice over (EIP-155). */
const EIP_155 = 35n

/** What is hashed and signed. */
export function unsignedBytes(transaction: UnsignedTransaction): Buffer {
  if (transaction.type === 2) return typed(transaction, [])
  const none = Buffer.alloc(0)
  return encodeRlp([...legacyFields(transaction), integerBytes(transaction.chainId), none, none])
}

/** What is sent, and what its hash is of. */
export function signedBytes(transaction: UnsignedTransaction, signature: TransactionSignature): Buffer {
  const { r, s } = signature
  const parity = BigInt(signature.yParity)
  if (transaction.type === 2) return typed(transaction, [parity, r, s].map(integerBytes))
  const v = transaction.chainId * 2n + EIP_155 + parity
  return encodeRlp([...legacyFields(transaction), ...[v, r, s].map(integerBytes)])
}

/** The signature that the bytes carry; null if they are no transaction of that type and chain. */
export function readSignature(
  raw: Buffer,
  { type, chainId }: Pick<UnsignedTransaction, "type" | "chainId">,
): TransactionSignature | null {
  if (type === 2 && raw[0] !== TYPE_2[0]) return null
  const [parity, r, s] = (decodeRlpList(type === 2 ? raw.subarray(1) : raw) ?? [])
    .slice(-3)
    .map(integerFromBytes)
  if (parity === undefined || r === undefined || s === undefined) return null
  const bit = type === 2 ? parity : parity - chainId * 2n - EIP_155
  return bit === 0n || bit === 1n ? { yParity: bit === 0n ? 0 : 1, r, s } : null
}

function typed(transaction: Extract<UnsignedTransaction, { type: 2 }>, signature: readonly Buffer[]): Buffer {
  const { chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit, value } = transaction
  const fields: readonly RlpItem[] = [
    ...[chainId, BigInt(nonce), maxPriorityFeePerGas, maxFeePerGas, gasLimit].map(integerBytes),
    hexBytes(transaction.to),
    integerBytes(value),
    hexBytes(transaction.data),
    // No access list.
    [],
    ...signature,
  ]
  return Buffer.concat([TYPE_2, encodeRlp(fields)])
}

function legacyFields(transaction: Extract<UnsignedTransaction, { type: 0 }>): readonly Buffer[] {
  const { nonce, gasPrice, gasLimit, to, value, data } = transaction
  return [
    ...[BigInt(nonce), gasPrice, gasLimit].map(integerBytes),
    hexBytes(to),
    integerBytes(value),
    hexBytes(data),
  ]
}

function hexBytes(hex: string | null): Buffer {
  return Buffer.from(hex?.slice(2) ?? "", "hex")
}
