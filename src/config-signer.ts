import type { z } from "zod"
import type { settings } from "./settings.ts"

type Values = {
  readonly [Name in
    | "BLOCKCHAIN_SIGNER_URL"
    | "BLOCKCHAIN_SIGNER_ADDRESSES"
    | "BLOCKCHAIN_SIGNER_TIMEOUT_MS"]?: z.output<(typeof settings)[Name]["schema"]>
}

/** Where the keys of lanes are that are not in files. */
export interface SignerConfig {
  readonly url: string
  readonly addresses: readonly string[]
  readonly timeoutMs: number
}

/** Null without a remote signer. */
export function signerConfig(values: Values, faults: string[]): SignerConfig | null {
  const {
    BLOCKCHAIN_SIGNER_URL: url,
    BLOCKCHAIN_SIGNER_ADDRESSES: addresses,
    BLOCKCHAIN_SIGNER_TIMEOUT_MS: timeoutMs,
  } = values
  if (url !== undefined && addresses === undefined) {
    faults.push("BLOCKCHAIN_SIGNER_ADDRESSES is missing: name the signer's accounts that are lanes")
  }
  if (url === undefined && addresses !== undefined) {
    faults.push(
      "BLOCKCHAIN_SIGNER_URL is missing: BLOCKCHAIN_SIGNER_ADDRESSES are accounts of a remote signer",
    )
  }
  return url && addresses && timeoutMs ? { url, addresses, timeoutMs } : null
}
