import { classifyEvent, FINAL_RESULTS } from "./event.ts"

/** What becomes of a subject's later events when one is set aside: they wait for it, or go on without it. */
export const POISON_POLICIES = ["block-subject", "skip"] as const
export type PoisonPolicy = (typeof POISON_POLICIES)[number]

const NAMED_LIKE_NEWS = new RegExp(`\\.(${[...FINAL_RESULTS, "removed"].join("|")})$`)

/**
 * Whether an event has a place in its subject's order: requests have, expiries of blocks among them, because the chain
 * is to see them in the order of the log. Results and removals tell of operations that are over; all that read them take
 * any order. A type that nobody here knows is taken for a request, unless it is named like a result.
 */
export function hasOrder(type: string): boolean {
  const found = classifyEvent(type)
  return found ? found.class === "request" : !NAMED_LIKE_NEWS.test(type)
}
