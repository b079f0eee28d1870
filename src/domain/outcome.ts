/** What a contract says of one record: one byte a record in `BatchApplied`. The order is the contract's code. */
export const OUTCOMES = [
  "Invalid",
  "Applied",
  "AlreadyApplied",
  "Superseded",
  "Conflict",
  "Expired",
  "NotDue",
  "Kept",
  "Missing",
  "Future",
] as const

export type Outcome = (typeof OUTCOMES)[number]

export function outcomeFromCode(code: number): Outcome | undefined {
  return OUTCOMES[code]
}

/** How an operation ends, or that it has not ended yet. */
export type Verdict = "confirmed" | "rejected" | "superseded" | "try-again"

/**
 * The one place that decides whether an outcome is final.
 * Expired is written as a tombstone, so it took effect; NotDue, Missing and Future end by waiting.
 */
export function verdictOf(outcome: Outcome): Verdict {
  switch (outcome) {
    case "Applied":
    case "AlreadyApplied":
    case "Expired":
      return "confirmed"
    case "Superseded":
    case "Kept":
      return "superseded"
    case "Invalid":
    case "Conflict":
      return "rejected"
    case "NotDue":
    case "Missing":
    case "Future":
      return "try-again"
  }
}

/** Why an operation did not take effect, in the contract's terms; undefined where it did or may yet. */
export function outcomeReason(outcome: Outcome): string | undefined {
  switch (outcome) {
    case "Superseded":
      return "a newer version of the subject is on the chain"
    case "Kept":
      return "a manual block is on the chain and is kept"
    case "Invalid":
      return "the contract does not accept this record"
    case "Conflict":
      return "another operation with the same version is on the chain"
    default:
      return undefined
  }
}
