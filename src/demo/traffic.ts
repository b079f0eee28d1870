import type { Sql } from "../adapters/postgres/client.ts"
import { pseudonym, type Subject } from "../domain/subject.ts"
import { decodeWord } from "../domain/word.ts"
import type { Clock } from "../runtime/clock.ts"
import type { Neighbour } from "./app/neighbour.ts"
import { type Request, requestOf } from "./app/request.ts"
import { insertBranch, insertUnchecked } from "./app/statements.ts"
import { type Appended, type AppOutcome, runAppTransaction } from "./app/transaction.ts"
import type { Plan, PlannedStep } from "./plan/plan.ts"
import { identifierOf } from "./plan/things.ts"
import { type ExpectedEnd, type Recorder, registryOf } from "./record.ts"

export interface TrafficOptions {
  /** At least one connection a writer of the plan. */
  readonly sql: Sql
  readonly plan: Plan
  readonly recorder: Recorder
  readonly neighbour: Neighbour
  /** Made for the run: the pseudonyms of two runs have nothing in common. */
  readonly subjectKey: Uint8Array
  readonly blockTtlSeconds: number
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Called after each step of the plan. */
  readonly onStep: () => void
}

interface Day extends TrafficOptions {
  readonly branchId: bigint
}

/** Does all that the plan says, one connection a writer, and records each answer. Rejects when the signal aborts. */
export async function runTraffic(options: TrafficOptions): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const branchId = await options.sql.begin(insertBranch)
  const writers = options.plan.writers.map(steps =>
    // One that fails stops the others: they must not go on writing while the connections are closed.
    runWriter({ ...options, signal, branchId }, steps).catch(error => failed.abort(error)),
  )
  await Promise.all(writers)
  signal.throwIfAborted()
}

/** One step after the other: what happens to one subject happens in the plan's order. */
async function runWriter(day: Day, steps: readonly PlannedStep[]): Promise<void> {
  for (const step of steps) {
    day.signal.throwIfAborted()
    await runStep(day, step)
    day.onStep()
  }
}

async function runStep(day: Day, step: PlannedStep): Promise<void> {
  const { identity } = step.story
  const subject = pseudonym(day.subjectKey, identity.thing, identifierOf(identity))
  day.recorder.subject(subject, registryOf(identity.thing))
  const expiresAt = Math.ceil(day.clock.nowMs() / 1000) + day.blockTtlSeconds
  const request = requestOf(step.act, subject, expiresAt)
  if (step.act.name === "broken") {
    const { position, eventId } = await day.sql.begin(tx => insertUnchecked(tx, request))
    recordAppended(day, step, request, { position, eventId }, "dead-lettered")
    return
  }
  let end: ExpectedEnd = step.act.name === "block-too-long" ? "rejected" : "confirmed"
  const outcome = await runAppTransaction(day.sql, {
    step,
    request,
    identity,
    branchId: day.branchId,
    expiresAt: typeof request.payload.expiresAt === "number" ? request.payload.expiresAt : expiresAt,
    throughSql: step.story.number % 2 === 1,
    ...(step.act.name === "block-contested" && {
      beforeCommit: async (appended: Appended) => {
        end = await contest(day, subject, appended)
      },
    }),
  })
  recordOutcome(day, step, request, outcome, end)
}

/** The neighbour's block is on the chain before ours can be seen, so the positions alone say which one stays. */
async function contest(day: Day, subject: Subject, appended: Appended): Promise<ExpectedEnd> {
  const block = await day.neighbour.block(subject, appended.position)
  day.recorder.neighbourBlocked(block)
  return decodeWord(block.word).version > appended.position ? "superseded" : "confirmed"
}

function recordOutcome(
  day: Day,
  step: PlannedStep,
  request: Request,
  outcome: AppOutcome,
  end: ExpectedEnd,
): void {
  const { recorder } = day
  const owed = owedOutcome(step)
  if (outcome.outcome !== owed) {
    recorder.wrongAnswer(
      `${step.story.template}, step ${step.act.name}: ${outcome.outcome}, expected ${owed}`,
    )
  }
  switch (outcome.outcome) {
    case "committed":
      recordAppended(day, step, request, outcome, end)
      break
    case "rolled-back":
      recorder.rolledBack(outcome.eventId, request.subject)
      break
    case "refused":
      recorder.refused()
      break
    case "manual-block-stands":
      recorder.manualBlockStood()
      break
  }
}

function owedOutcome(step: PlannedStep): AppOutcome["outcome"] {
  if (step.act.name === "refused") return "refused"
  if (step.act.name === "block-over-manual") return "manual-block-stands"
  return step.rollBack ? "rolled-back" : "committed"
}

function recordAppended(
  day: Day,
  step: PlannedStep,
  { kind, type, subject, payload }: Request,
  { position, eventId }: Appended,
  expected: ExpectedEnd,
): void {
  const registry = registryOf(step.story.identity.thing)
  day.recorder.appended({ eventId, position, subject, registry, type, kind, payload, expected })
}
