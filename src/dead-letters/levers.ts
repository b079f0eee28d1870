/** What became of one letter. */
export type RequeueResult =
  /** The active relay sends it with its next look. */
  | { readonly id: bigint; readonly outcome: "handed-to-relay" }
  | { readonly id: bigint; readonly outcome: "resolved" }
  | {
      readonly id: bigint
      readonly outcome: "failed-again"
      readonly reason: string
      readonly fields: readonly string[]
    }
  /** Not tried: one before it failed again, or is not in the log. */
  | { readonly id: bigint; readonly outcome: "still-blocked" }
  /** Nothing to try: its day is archived, or it never was an event of this log. */
  | { readonly id: bigint; readonly outcome: "not-in-log" }
  /** Nothing to send or handle again: a person has to compare, and then discards it. */
  | { readonly id: bigint; readonly outcome: "not-requeueable" }
  | { readonly id: bigint; readonly outcome: "settled" }
  | { readonly id: bigint; readonly outcome: "unknown" }

export type DiscardResult =
  /** `released`: what waited only for it, and what became of that. */
  | { readonly outcome: "discarded"; readonly released: readonly RequeueResult[] }
  /** The relay may be sending it just now. */
  | { readonly outcome: "requeued" }
  | { readonly outcome: "settled" }
  | { readonly outcome: "unknown" }

/**
 * Port: the ways out of being set aside. Rules for whoever implements it:
 * - a call is all or nothing, and its effects and the letters' states are one transaction;
 * - with a letter that blocks its subject go all that the same source has set aside of that subject and not settled, in
 *   the order of positions, and none after one that fails again: the order of the log is kept;
 * - a consumer's letter is handled again from the log at once; the relay's letters are marked for the active relay.
 */
export interface DeadLetterLevers {
  requeue(id: bigint): Promise<readonly RequeueResult[]>
  /**
   * The event is given up. What waited only for it goes on. A request that never came to the chain has its one final
   * outcome with that, a `rejected` result in the log, and is not accepted when it is sent again.
   */
  discard(id: bigint, why: { readonly reason: string; readonly by: string }): Promise<DiscardResult>
}
