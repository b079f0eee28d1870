import { classifyEvent, type EventRecord } from "../../domain/event.ts"
import type { OperationKind } from "../../domain/operations/index.ts"
import type { Subject } from "../../domain/subject.ts"

/** The app asks the chain for signatures of a severity and above, which it takes from 1 to 10. */
const SEVERITIES = Array.from({ length: 10 }, (_, index) => index + 1)

/** The app's code puts the hash into the key as its caller has it: some have it with `0x`, some without. */
const forms = (subject: Subject) => [subject, subject.slice(2)]
const patientKeys = (subject: Subject) =>
  forms(subject).flatMap(hash => [`patient_registered:${hash}`, `patient_info:${hash}`])
const blockKeys = (subject: Subject) =>
  forms(subject).flatMap(hash => [`ip_blocked:${hash}`, `ip_block_info:${hash}`])
const signatureKeys = () => [
  "attack_signatures:all",
  ...SEVERITIES.map(severity => `attack_signatures:severity_${severity}`),
]

const KEYS: Readonly<Record<OperationKind, (subject: Subject) => readonly string[]>> = {
  "register-patient": patientKeys,
  "deactivate-patient": patientKeys,
  "block-ip": blockKeys,
  "unblock-ip": blockKeys,
  "expire-ip-block": blockKeys,
  "add-attack-signature": signatureKeys,
}

/**
 * Under which keys CareGrid keeps answers that a result has made old, in its Redis: up to a minute for blocks, five for
 * patients and signatures. A result that is not confirmed counts too: superseded means that the chain has something newer.
 */
export function cachedAnswers(event: Pick<EventRecord, "type" | "subject">): readonly string[] {
  const found = classifyEvent(event.type)
  return found?.class === "result" ? KEYS[found.kind](event.subject) : []
}

/** All keys of this kind, as patterns for Redis's SCAN. */
export const CACHED_ANSWER_PATTERNS: readonly string[] = [
  "patient_registered:*",
  "patient_info:*",
  "ip_blocked:*",
  "ip_block_info:*",
  "attack_signatures:*",
]
