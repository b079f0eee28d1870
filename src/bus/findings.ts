/** What is wrong with the bus, for a person to see in `status`. */
export const BUS_FINDINGS = [
  /** Events could not be sent, at least twice in a row; ends by itself. */
  "kafka-unreachable",
  /** A topic was gone and has been made anew: what was in it, and not handled, is only in the log. */
  "topic-recreated",
  /** A group's offset is above what the partition has: it was made anew. */
  "messages-gone",
  /** A group's offset is below what the partition still has: retention was faster. */
  "messages-expired",
] as const
export type BusFinding = (typeof BUS_FINDINGS)[number]

/**
 * Port: where they are kept. Rules for whoever implements it:
 * - one finding is open once for what it is about, and keeps the time at which it began;
 * - closing one that is not open does nothing.
 */
export interface BusFindings {
  /** `forMs` is how long it has been so already. */
  open(finding: BusFinding, about: string, forMs?: number): Promise<void>
  close(finding: BusFinding, about: string): Promise<void>
  /** Oldest first. */
  list(): Promise<
    readonly { readonly finding: BusFinding; readonly about: string; readonly sinceMs: number }[]
  >
}
