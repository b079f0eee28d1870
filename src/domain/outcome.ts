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
