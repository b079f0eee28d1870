import { createHash } from "node:crypto"
import type { BatchTransaction, Hex, Signer } from "../../../src/chain-writer/ports.ts"

/** Signs by writing the sender beside the transaction: readable by the ledger's twin only. */
export function createInMemorySigner(address: Hex): Signer {
  return {
    address,
    async sign(transaction) {
      const bytes = Buffer.from(JSON.stringify({ from: address, ...transaction }, bigintToText), "utf8")
      const hash = createHash("sha256").update(bytes).digest("hex")
      return { hash: `0x${hash}`, raw: `0x${bytes.toString("hex")}` }
    },
  }
}

export interface SignedBatch extends BatchTransaction {
  readonly from: Hex
}

export function readSigned(raw: Hex): SignedBatch {
  return JSON.parse(Buffer.from(raw.slice(2), "hex").toString("utf8"), textToBigint) as SignedBatch
}

function bigintToText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value
}

function textToBigint(_key: string, value: unknown): unknown {
  return typeof value === "string" && /^[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value
}
