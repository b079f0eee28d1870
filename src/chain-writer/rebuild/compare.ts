import type { Position } from "../../domain/position.ts"
import type { Subject } from "../../domain/subject.ts"
import { type Comparison, compareWords, type SubjectState, standingOf } from "../../domain/subject-state.ts"
import { decodeWord } from "../../domain/word.ts"
import type { RebuildPlan, RebuildRecord } from "../deployment-ports.ts"
import type { Registry } from "../ports.ts"
import { type History, unblocksBefore } from "./plan-from-log.ts"

const PAGE = 500

/** How the planned subjects stand on the new contracts. */
export interface RoundResult {
  readonly right: number
  /** Something newer is there: another branch's part. */
  readonly newer: number
  readonly different: number
  readonly asked: number
}

/**
 * Asks for every record that the contracts do not have yet. Behind a manual block of another branch it asks for the
 * unblock that came before the record, if this branch did it: the record itself is for the next round.
 */
export async function askForMissing(options: {
  readonly plan: RebuildPlan
  readonly id: bigint
  readonly round: number
  readonly registries: readonly Registry[]
  readonly history: History
}): Promise<RoundResult> {
  const { plan, id, round, registries } = options
  const count = { right: 0, newer: 0, different: 0, asked: 0 }
  const kept = new Map<Subject, KeptState>()
  for await (const page of pagesOf(plan, id)) {
    const words = await wordsOf(registries, page)
    const records: RebuildRecord[] = []
    for (const state of page) {
      const stored = words.get(state.subject) ?? 0n
      const standing = standingOf(state, stored)
      if (standing.kind === "kept") kept.set(state.subject, { ...state, behind: decodeWord(stored).version })
      else if (standing.kind !== "missing") count[standing.kind] += 1
      else records.push({ ...state, kind: standing.operation, word: standing.word })
    }
    await plan.ask(id, round, records)
    count.asked += records.length
  }
  // Rare enough for reading the log once more, and for memory.
  const first = kept.size > 0 ? await firstOf(kept, options.history) : []
  for (let from = 0; from < first.length; from += PAGE) {
    await plan.ask(id, round, first.slice(from, from + PAGE))
  }
  count.asked += first.length
  await plan.finishRound(id, round)
  return count
}

/** A state behind a manual block of this version. */
interface KeptState extends SubjectState {
  readonly behind: Position
}

/** The unblock, where there is one that the contract has not seen; else the record itself, as another branch may unblock. */
async function firstOf(
  kept: ReadonlyMap<Subject, KeptState>,
  history: History,
): Promise<readonly RebuildRecord[]> {
  const unblocks = await unblocksBefore(history, kept)
  return [...kept.values()].map(state => {
    const unblock = unblocks.get(state.subject)
    return unblock && unblock.version > state.behind ? unblock : state
  })
}

/** The planned subjects' words, old contracts against new ones. */
export async function compareContracts(options: {
  readonly plan: RebuildPlan
  readonly id: bigint
  readonly old: readonly Registry[]
  readonly fresh: readonly Registry[]
}): Promise<Readonly<Record<Comparison, number>>> {
  const count: Record<Comparison, number> = { equal: 0, over: 0, others: 0, different: 0 }
  for await (const page of pagesOf(options.plan, options.id)) {
    const [old, fresh] = await Promise.all([wordsOf(options.old, page), wordsOf(options.fresh, page)])
    for (const state of page) {
      count[compareWords(state, old.get(state.subject) ?? 0n, fresh.get(state.subject) ?? 0n)] += 1
    }
  }
  return count
}

async function* pagesOf(plan: RebuildPlan, id: bigint): AsyncGenerator<readonly SubjectState[]> {
  let after: Subject | null = null
  for (;;) {
    const page: readonly SubjectState[] = await plan.page(id, after, PAGE)
    const last = page.at(-1)
    if (!last) return
    after = last.subject
    yield page
  }
}

async function wordsOf(
  registries: readonly Registry[],
  page: readonly SubjectState[],
): Promise<ReadonlyMap<Subject, bigint>> {
  const words = new Map<Subject, bigint>()
  for (const registry of registries) {
    const subjects = page.filter(({ type }) => type === registry.type).map(({ subject }) => subject)
    if (subjects.length === 0) continue
    const stored = await registry.words(subjects)
    for (const [index, subject] of subjects.entries()) words.set(subject, stored[index] ?? 0n)
  }
  return words
}
