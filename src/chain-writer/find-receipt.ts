import type { Attempt, Hex, Ledger, Receipt } from "./ports.ts"

export interface FoundReceipt {
  readonly attempt: Attempt
  readonly receipt: Receipt
}

/** Of all attempts of a nonce, newest first: an older one may be mined after its fees were raised. */
export async function findReceipt(
  ledger: Ledger,
  transaction: { readonly contract: Hex; readonly attempts: readonly Attempt[] },
): Promise<FoundReceipt | null> {
  for (const attempt of transaction.attempts.toReversed()) {
    const { hash, records } = attempt
    const receipt = await ledger.receipt(hash, { contract: transaction.contract, records })
    if (receipt) return { attempt, receipt }
  }
  return null
}
