/** What can happen to one subject. Each kind of story is one line of a hospital's day. */

/** What `append` must refuse; the whole transaction then rolls back, the domain row included. */
export const REFUSED_FAULTS = [
  "severity-out-of-range",
  "block-without-expiry",
  "manual-block-with-expiry",
  "subject-too-short",
  "unknown-type",
  "name-in-payload",
] as const
export type RefusedFault = (typeof REFUSED_FAULTS)[number]

/** What a row put into the log past `append` can have wrong; it must end as a dead letter. */
export const BROKEN_FAULTS = ["payload-breaks-schema", "unknown-type"] as const
export type BrokenFault = (typeof BROKEN_FAULTS)[number]

export type Act =
  | { readonly name: "register-patient" }
  | { readonly name: "deactivate-patient" }
  /** For the demo's TTL; on a subject whose block runs it is a renewal. */
  | { readonly name: "block" }
  | { readonly name: "block-manually" }
  /** An automatic block where a manual one stands: nothing may be written. */
  | { readonly name: "block-over-manual" }
  | { readonly name: "unblock" }
  | { readonly name: "add-signature"; readonly severity: number }
  /** Passes `append`; the contract takes at most 366 days. */
  | { readonly name: "block-too-long" }
  /** A neighbour branch blocks the same address with a newer version first. */
  | { readonly name: "block-contested" }
  | { readonly name: "refused"; readonly fault: RefusedFault }
  | { readonly name: "broken"; readonly fault: BrokenFault }

export interface Step {
  readonly act: Act
  /** Undone by the app after it appended. */
  readonly rollBack?: true
}

export type Thing = "patient" | "ip-address" | "attack-pattern"

export interface StoryTemplate {
  readonly name: string
  readonly thing: Thing
  readonly steps: readonly Step[]
  /** How often, relative to the others, once each kind is there. */
  readonly weight: number
  /** At most this many in a plan. */
  readonly most?: number
}

/** How many operations end up in the log: what rolls back, is refused or finds a manual block standing does not. */
export function operationsOf(steps: readonly Step[]): number {
  return steps.filter(countsAsOperation).length
}

export function countsAsOperation(step: Step): boolean {
  return !step.rollBack && step.act.name !== "refused" && step.act.name !== "block-over-manual"
}
