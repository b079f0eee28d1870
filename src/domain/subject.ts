import { createHmac } from "node:crypto"

/** What an operation is about, as an opaque 32-byte key: `0x` and 64 lower-case hex digits. Never a name, never a bare IP. */
export type Subject = `0x${string}`

const SUBJECT = /^0x[0-9a-f]{64}$/

export function isSubject(text: string): text is Subject {
  return SUBJECT.test(text)
}

/** What kinds of things have subjects; part of the pseudonym, so that equal texts of two kinds stay unlinkable. */
export type SubjectKind = "patient" | "ip-address" | "attack-pattern"

/**
 * The pseudonym of one identifier: HMAC-SHA-256 under the key the network's branches share (RFC 2104).
 * A hash without a key would not do: all IPv4 addresses can be tried in minutes.
 * `identifier` must be in one canonical spelling, or one thing gets two subjects.
 */
export function pseudonym(key: Uint8Array, kind: SubjectKind, identifier: string): Subject {
  return `0x${createHmac("sha256", key).update(`${kind}\0${identifier}`, "utf8").digest("hex")}`
}

export function subjectBytes(subject: Subject): Buffer {
  return Buffer.from(subject.slice(2), "hex")
}

export function subjectFromBytes(bytes: Uint8Array): Subject {
  return `0x${Buffer.from(bytes).toString("hex")}`
}
