import type { Clock } from "../runtime/clock.ts"
import type { DeadLetterLevers, DiscardResult, RequeueResult } from "./levers.ts"
import type { DeadLetter, DeadLetterFilter, DeadLetters } from "./ports.ts"

export interface Tools {
  readonly deadLetters: DeadLetters
  readonly levers: DeadLetterLevers
}

/** What became of one letter that a person asked for, or that went with one. */
export type LetterOutcome =
  | RequeueResult
  | { readonly id: bigint; readonly outcome: Exclude<DiscardResult["outcome"], "unknown" | "settled"> }

const PAGE = 1_000
const BETWEEN_LOOKS_MS = 250

/** The letters that match, by id, at most `most` of them. */
export async function select(
  { deadLetters }: Tools,
  filter: DeadLetterFilter,
  most: number,
): Promise<readonly DeadLetter[]> {
  const found: DeadLetter[] = []
  for (;;) {
    const after = found.at(-1)?.id ?? 0n
    const page = await deadLetters.list({ limit: Math.min(PAGE, most - found.length), after, filter })
    found.push(...page)
    if (page.length < PAGE || found.length >= most) return found
  }
}

/**
 * Requeues the letters one subject after the other, each in a transaction of its own, and waits at most `waitMs` until
 * the relay has sent what it was handed. What is still "handed-to-relay" then, no relay has taken yet.
 */
export async function requeueAll(
  tools: Tools,
  letters: readonly DeadLetter[],
  waitMs: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<readonly LetterOutcome[]> {
  const outcomes = new Map<bigint, LetterOutcome>()
  for (const { id } of letters) {
    // It went with an earlier one of its subject.
    if (outcomes.has(id)) continue
    for (const result of await tools.levers.requeue(id)) outcomes.set(result.id, result)
  }
  const untilMs = clock.nowMs() + waitMs
  let handed = idsOf(outcomes, "handed-to-relay")
  while (handed.length > 0 && clock.nowMs() < untilMs) {
    await clock.sleep(BETWEEN_LOOKS_MS, signal)
    for (const letter of await select(tools, { ids: handed }, handed.length)) {
      const outcome = outcomeOf(letter, letters)
      if (outcome) outcomes.set(letter.id, outcome)
    }
    handed = idsOf(outcomes, "handed-to-relay")
  }
  return [...outcomes.values()]
}

/** Null while the relay has not sent it. */
function outcomeOf(letter: DeadLetter, before: readonly DeadLetter[]): LetterOutcome | null {
  const { id, state, reason, fields, attempts } = letter
  if (state === "resolved") return { id, outcome: "resolved" }
  if (state !== "open") return null
  const was = before.find(known => known.id === id)
  const isTried = was ? attempts > was.attempts : reason !== "subject-blocked"
  return isTried ? { id, outcome: "failed-again", reason, fields } : { id, outcome: "still-blocked" }
}

/** Gives the letters up one by one, and tells what went on because of it. */
export async function discardAll(
  tools: Tools,
  letters: readonly DeadLetter[],
  why: { readonly reason: string; readonly by: string },
): Promise<readonly LetterOutcome[]> {
  const outcomes = new Map<bigint, LetterOutcome>()
  // The last first: or what waits behind the first would go on before it is given up itself.
  for (const { id } of letters.toSorted(byPositionDown)) {
    const result = await tools.levers.discard(id, why)
    outcomes.set(id, { id, outcome: result.outcome })
    if (result.outcome !== "discarded") continue
    for (const released of result.released) outcomes.set(released.id, released)
  }
  return [...outcomes.values()]
}

function byPositionDown(one: DeadLetter, other: DeadLetter): number {
  const [a, b] = [one.position ?? 0n, other.position ?? 0n]
  return a > b ? -1 : a < b ? 1 : 0
}

function idsOf(
  outcomes: ReadonlyMap<bigint, LetterOutcome>,
  wanted: LetterOutcome["outcome"],
): readonly bigint[] {
  return [...outcomes.values()].filter(({ outcome }) => outcome === wanted).map(({ id }) => id)
}
