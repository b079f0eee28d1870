import type { EventRecord } from "../../domain/event.ts"
import type { OperationType } from "../../domain/operation.ts"
import type { Subject } from "../../domain/subject.ts"
import { createStateReader, type SubjectState, type Told } from "../../domain/subject-state.ts"
import { EXIT, OperatorError } from "../../runtime/errors.ts"
import type { RebuildPlan } from "../deployment-ports.ts"

/** Every event of the log in the order of positions, what is archived and no longer in it included. */
export type History = () => AsyncIterable<readonly EventRecord[]>

const MISSING =
  "Part of the log is missing: there is a result whose request is neither in the log nor in the archives. Set LOG_ARCHIVE_DIRECTORY to where all archives are."

/** Reads the whole log into the plan; how many events there were. Throws OperatorError when part of it is missing. */
export async function planFromLog(
  plan: RebuildPlan,
  id: bigint,
  history: History,
  onEvents: (events: number) => void,
): Promise<number> {
  const read = createStateReader()
  let events = 0
  for await (const page of history()) {
    const told = toldBy(page, read)
    const states = told.flatMap(each => (each.kind === "state" ? [each.state] : []))
    const ended = told.flatMap(each => (each.kind === "ended" ? [each] : []))
    await plan.stage(id, { states, ended })
    events += page.length
    onEvents(events)
  }
  await plan.finish(id)
  return events
}

/** Subjects of each type that a rebuild would write. Keeps a few bytes a subject in memory, and writes nothing. */
export async function countSubjects(history: History): Promise<Readonly<Record<OperationType, number>>> {
  const read = createStateReader()
  const seen = new Set<Subject>()
  const counts = { patient: 0, "ip-block": 0, "attack-signature": 0 }
  for await (const page of history()) {
    for (const state of toldBy(page, read).flatMap(stateOf)) {
      if (seen.has(state.subject)) continue
      seen.add(state.subject)
      counts[state.type] += 1
    }
  }
  return counts
}

/** By subject, the newest unblock that took effect and is older than this state. */
export async function unblocksBefore(
  history: History,
  states: ReadonlyMap<Subject, SubjectState>,
): Promise<ReadonlyMap<Subject, SubjectState>> {
  const read = createStateReader()
  const unblocks = new Map<Subject, SubjectState>()
  for await (const page of history()) {
    for (const unblock of toldBy(page, read).flatMap(stateOf)) {
      const { subject, kind, version } = unblock
      if (kind !== "unblock-ip" || version >= (states.get(subject)?.version ?? 0n)) continue
      if (version > (unblocks.get(subject)?.version ?? 0n)) unblocks.set(subject, unblock)
    }
  }
  return unblocks
}

function stateOf(told: Told): readonly SubjectState[] {
  return told.kind === "state" ? [told.state] : []
}

function toldBy(page: readonly EventRecord[], read: ReturnType<typeof createStateReader>): readonly Told[] {
  const told = page.flatMap(event => read(event) ?? [])
  if (told.some(({ kind }) => kind === "gap")) throw new OperatorError(MISSING, EXIT.configuration)
  return told
}
