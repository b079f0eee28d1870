import type { Subject } from "../../domain/subject.ts"
import { type Comparison, compareWords, type SubjectState, standingOf } from "../../domain/subject-state.ts"
import type { RebuildPlan, RebuildRecord } from "../deployment-ports.ts"
import type { Registry } from "../ports.ts"

const PAGE = 500

/** How the planned subjects stand on the new contracts. */
export interface RoundResult {
  readonly right: number
  /** Something newer is there: another branch's part. */
  readonly newer: number
  readonly different: number
  readonly asked: number
}

/** Asks for every record that the contracts do not have yet. */
export async function askForMissing(options: {
  readonly plan: RebuildPlan
  readonly id: bigint
  readonly round: number
  readonly registries: readonly Registry[]
}): Promise<RoundResult> {
  const { plan, id, round, registries } = options
  const count = { right: 0, newer: 0, different: 0, asked: 0 }
  for await (const page of pagesOf(plan, id)) {
    const words = await wordsOf(registries, page)
    const records: RebuildRecord[] = []
    for (const state of page) {
      const standing = standingOf(state, words.get(state.subject) ?? 0n)
      if (standing.kind !== "missing") count[standing.kind] += 1
      else records.push({ ...state, kind: standing.operation, word: standing.word })
    }
    await plan.ask(id, round, records)
    count.asked += records.length
  }
  await plan.finishRound(id, round)
  return count
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
