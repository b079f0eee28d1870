import type { Finding } from "./finding.ts"

export const DEAD_LETTER_FINDINGS = [
  /** Something was set aside and waits for a person, or for the relay to send it again. */
  "dead-letters",
] as const

export function deadLetterFindings(letters: {
  readonly unsettled: number
  readonly requeued: number
  readonly blockedSubjects: number
  /** Unix milliseconds; of the oldest. */
  readonly oldestMs: number | null
}): readonly Finding[] {
  const { unsettled, requeued, blockedSubjects, oldestMs } = letters
  if (unsettled === 0 || oldestMs === null) return []
  const parts = [
    `${unsettled - requeued} open`,
    ...(requeued > 0 ? [`${requeued} requeued`] : []),
    `${blockedSubjects} ${blockedSubjects === 1 ? "subject" : "subjects"} held back`,
  ]
  return [{ finding: "dead-letters", about: parts.join(", "), sinceMs: oldestMs }]
}
