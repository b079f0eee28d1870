import { createHash } from "node:crypto"
import type { Position } from "./position.ts"

/**
 * One storage word a subject, the same in calldata and in the contract's slot:
 * `version 64 | tag 64 | expiry 40 | time 40 | flags 48`, high bits first. Times are unix seconds.
 */
export interface WordFields {
  readonly version: Position
  readonly tag: bigint
  readonly expirySeconds: number
  readonly timeSeconds: number
  readonly flags: number
}

export const FLAG = { active: 1, manual: 2, exists: 4, expire: 8 } as const
const SEVERITY_SHIFT = 8

export function severityFlags(severity: number): number {
  return severity << SEVERITY_SHIFT
}

export function encodeWord(word: WordFields): bigint {
  return (
    (BigInt.asUintN(64, word.version) << 192n) |
    (BigInt.asUintN(64, word.tag) << 128n) |
    (BigInt.asUintN(40, BigInt(word.expirySeconds)) << 88n) |
    (BigInt.asUintN(40, BigInt(word.timeSeconds)) << 48n) |
    BigInt.asUintN(48, BigInt(word.flags))
  )
}

export function decodeWord(word: bigint): WordFields {
  return {
    version: word >> 192n,
    tag: BigInt.asUintN(64, word >> 128n),
    expirySeconds: Number(BigInt.asUintN(40, word >> 88n)),
    timeSeconds: Number(BigInt.asUintN(40, word >> 48n)),
    flags: Number(BigInt.asUintN(48, word)),
  }
}

/**
 * What tells two operations of one version apart on the chain: the first 8 bytes of SHA-256 over the event id's 16.
 * Without it a restored database that hands out a version again would pass for a replay.
 */
export function operationTag(eventId: string): bigint {
  const bytes = Buffer.from(eventId.replaceAll("-", ""), "hex")
  return createHash("sha256").update(bytes).digest().readBigUInt64BE(0)
}
