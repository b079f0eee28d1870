/** A transaction to be signed, as the key's holder gets it. */
export type UnsignedTransaction = {
  readonly chainId: bigint
  readonly nonce: number
  /** Null to make a contract. */
  readonly to: string | null
  readonly data: string
  readonly value: bigint
  readonly gasLimit: bigint
} & (
  | { readonly type: 2; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }
  /** For chains without base fee; signed with the chain id (EIP-155). */
  | { readonly type: 0; readonly gasPrice: bigint }
)
