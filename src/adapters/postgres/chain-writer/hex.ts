import type { Hex } from "../../../chain-writer/ports.ts"

export function bytes(hex: Hex): Buffer {
  return Buffer.from(hex.slice(2), "hex")
}

export function hex(buffer: Uint8Array): Hex {
  return `0x${Buffer.from(buffer).toString("hex")}`
}

/** A record word as the 32 bytes the contract stores. */
export function wordBytes(word: bigint): Buffer {
  return Buffer.from(word.toString(16).padStart(64, "0"), "hex")
}

export function wordFromBytes(buffer: Uint8Array): bigint {
  return BigInt(hex(buffer))
}
