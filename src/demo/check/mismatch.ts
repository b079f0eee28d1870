/** One thing that is not as it must be: ids and kinds only, never what a payload or a row holds. */
export interface Mismatch {
  readonly kind:
    | "append-answered-wrongly"
    | "log-event-differs"
    | "log-event-unexpected"
    | "undone-event-in-log"
    | "verdict-differs"
    | "result-not-unique"
    | "result-without-effect"
    | "effect-without-result"
    | "record-differs"
    | "record-unexpected"
    | "dead-letter-unexpected"
    | "word-differs"
    | "getter-differs"
    | "row-missing"
    | "row-not-removed"
    | "row-flag-differs"
    | "row-hash-differs"
    | "manual-row-gone"
    | "block-not-expired"
    | "expired-early"
    | "expired-twice"
    | "expiry-unexpected"
    | "traffic-absent"
    | "lost"
    | "doubled"
  /** An event id, a subject or a name. */
  readonly what: string
  readonly detail?: string
}
