/**
 * What must be true of a run, told from its log and its answers alone. It knows nothing of stored words and follows no
 * state: the newest block or unblock that was not refused decides, in whichever order all of them came.
 */
import type { Operation, Run } from "./runs.ts"

export const OUTCOME = { applied: 1, expired: 5, notDue: 6, kept: 7, missing: 8 } as const

export type Answer = { operation: Operation; at: number; outcome: number }
export type Reading = { at: number; blocked: boolean }
export type FinishedRun = { run: Run; answers: readonly Answer[]; readings: readonly Reading[]; word: bigint }

/** The first thing that is wrong with the run, or undefined. */
export function findWrong({ run, answers, readings, word }: FinishedRun): string | undefined {
  const effects = answers.filter(a => a.outcome === OUTCOME.applied || a.outcome === OUTCOME.expired)
  if (new Set(effects.map(a => a.operation)).size !== effects.length) return "an operation had two effects"

  for (const [i, answer] of answers.entries())
    if ((answer.outcome === OUTCOME.kept) !== mustBeKept(answer, answers.slice(0, i)))
      return `operation ${answer.operation.position} ${answer.outcome === OUTCOME.kept ? "was" : "was not"} kept out`

  // One that was kept out and came again, when the manual block no longer stood, is in.
  const wasKeptOut = (operation: Operation) =>
    answers.every(a => a.operation !== operation || a.outcome === OUTCOME.kept)
  const last = run.log.findLast(o => o.kind !== "expiry" && !wasKeptOut(o))
  for (const { at, blocked } of readings)
    if (blocked !== isBlocked(last, at)) return `${blocked ? "blocked" : "not blocked"} at ${at}`

  if (Number((word >> 202n) & 0xfffn) !== (last?.position ?? 0)) return "the newest operation is not stored"
  const over = last?.kind === "automatic" && hasEnded(last, answers)
  const active = last !== undefined && last.kind !== "unblock" && !over
  return active === ((word & 1n) === 1n) ? undefined : `stored as ${active ? "inactive" : "active"}`
}

/** A manual block keeps an automatic one out if it is the newest of all that came before it and were not kept out. */
function mustBeKept({ operation }: Answer, earlier: readonly Answer[]): boolean {
  if (operation.kind !== "automatic") return false
  const came = earlier
    .filter(a => a.outcome !== OUTCOME.kept && a.operation.kind !== "expiry")
    .map(a => a.operation)
  const newest = came.reduce<Operation | undefined>(
    (n, o) => (n && n.position > o.position ? n : o),
    undefined,
  )
  return newest?.kind === "manual" && newest.position < operation.position
}

function isBlocked(last: Operation | undefined, at: number): boolean {
  return last?.kind === "manual" || (last?.kind === "automatic" && at < last.endsAt)
}

/** It was over when it came, or its expiry came, which was due. */
function hasEnded(block: Operation & { kind: "automatic" }, answers: readonly Answer[]): boolean {
  return answers.some(
    ({ operation, at, outcome }) =>
      (operation === block && outcome === OUTCOME.expired && at >= block.endsAt) ||
      (operation.kind === "expiry" && operation.ends === block.position),
  )
}
