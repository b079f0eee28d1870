import { classifyEvent, type FinalResult } from "../../domain/event.ts"
import { verdictOf } from "../../domain/outcome.ts"
import { decodeWord, encodeWord, FLAG, operationTag } from "../../domain/word.ts"
import type { ChainOutcome, LoggedEvent, Observations } from "../observe/observations.ts"
import type { ExpectedEnd, RecordedOperation, RunRecord } from "../record.ts"
import { requestWord } from "./expected.ts"
import type { Mismatch } from "./mismatch.ts"

/** How an operation really ended: lost if its result or its effect is missing. */
export type ObservedEnd = ExpectedEnd | "lost"

export interface Ends {
  readonly ends: ReadonlyMap<string, ObservedEnd>
  readonly doubled: readonly string[]
  readonly mismatches: readonly Mismatch[]
  /** The transactions that carried each operation, by event id; more than one where a batch was sent again. */
  readonly transactions: ReadonlyMap<string, readonly string[]>
}

interface Evidence {
  readonly event: LoggedEvent | undefined
  readonly results: readonly { readonly result: FinalResult; readonly event: LoggedEvent }[]
  readonly outcomes: readonly ChainOutcome[]
  readonly deadLettered: boolean
}

/** What tells one operation's records from all others: version and tag, an expiry apart from the block it ends. */
export function recordKey(registry: string, subject: string, word: bigint): string {
  const { version, tag, flags } = decodeWord(word)
  return `${registry} ${subject} ${version} ${tag} ${flags & FLAG.expire ? "expire" : "write"}`
}

function operationKey(operation: RecordedOperation): string {
  const identity = { version: operation.position, tag: operationTag(operation.eventId) }
  const word = encodeWord({ ...identity, expirySeconds: 0, timeSeconds: 0, flags: 0 })
  return recordKey(operation.registry, operation.subject, word)
}

/** An operation's end counts only where the log's result and the contract's outcome say the same. */
export function checkEnds(record: RunRecord, observed: Observations): Ends {
  const events = new Map(observed.log.map(event => [event.eventId, event]))
  const results = Map.groupBy(observed.log.flatMap(resultOf), ({ event }) => event.causationId)
  const outcomes = Map.groupBy(observed.chain.outcomes, ({ registry, subject, word }) =>
    recordKey(registry, subject, word),
  )
  const deadLettered = new Set(observed.deadLetters.map(({ eventId }) => eventId))
  const ends = new Map<string, ObservedEnd>()
  const transactions = new Map<string, readonly string[]>()
  const mismatches: Mismatch[] = []
  for (const operation of record.operations) {
    const evidence: Evidence = {
      event: events.get(operation.eventId),
      results: results.get(operation.eventId) ?? [],
      outcomes: outcomes.get(operationKey(operation)) ?? [],
      deadLettered: deadLettered.has(operation.eventId),
    }
    const end = observedEnd(evidence)
    ends.set(operation.eventId, end)
    const carriers = evidence.outcomes.map(({ transactionHash }) => transactionHash)
    transactions.set(operation.eventId, carriers)
    mismatches.push(...compare(operation, end, evidence))
  }
  mismatches.push(...checkStrangers(record, observed))
  return { ends, transactions, mismatches, doubled: doubledKeys(outcomes) }
}

function resultOf(event: LoggedEvent): { result: FinalResult; event: LoggedEvent }[] {
  const known = classifyEvent(event.type)
  return known?.class === "result" ? [{ result: known.result, event }] : []
}

function observedEnd({ event, results, outcomes, deadLettered }: Evidence): ObservedEnd {
  const outcome = decisiveOutcome(outcomes)
  if (deadLettered && !outcome && results.length === 0) return "dead-lettered"
  const result = results[0]?.result
  if (!event || !result || !outcome) return "lost"
  return verdictOf(outcome.outcome) === result ? result : "lost"
}

/** The first outcome that settles it; AlreadyApplied settles nothing, since something must have been applied before. */
function decisiveOutcome(outcomes: readonly ChainOutcome[]): ChainOutcome | undefined {
  return outcomes.find(({ outcome }) => outcome !== "AlreadyApplied" && verdictOf(outcome) !== "try-again")
}

function compare(operation: RecordedOperation, end: ObservedEnd, evidence: Evidence): Mismatch[] {
  const what = operation.eventId
  const found: Mismatch[] = []
  if (end !== "lost" && end !== operation.expected) {
    found.push({ kind: "verdict-differs", what, detail: `${end}, expected ${operation.expected}` })
  }
  if (evidence.results.length > 1) found.push({ kind: "result-not-unique", what })
  const hasOutcome = decisiveOutcome(evidence.outcomes) !== undefined
  if (evidence.results.length > 0 && !hasOutcome) found.push({ kind: "result-without-effect", what })
  if (evidence.results.length === 0 && hasOutcome) found.push({ kind: "effect-without-result", what })
  const word = evidence.event && requestWord(operation, evidence.event.occurredAtMs)
  if (evidence.outcomes.some(outcome => outcome.word !== word)) found.push({ kind: "record-differs", what })
  return found
}

/** Records on the chain and dead letters that belong to no operation of the day. */
function checkStrangers(record: RunRecord, observed: Observations): Mismatch[] {
  const known = new Set([
    ...record.operations.map(operationKey),
    ...record.neighbourBlocks.map(({ subject, word }) => recordKey("ip-block", subject, word)),
  ])
  const ours = new Set(record.operations.map(({ eventId }) => eventId))
  return [
    ...observed.chain.outcomes
      .filter(({ subject }) => record.subjects.has(subject))
      // An expiry is known by the block it ends.
      .filter(({ registry, subject, word }) => !known.has(recordKey(registry, subject, word & ~EXPIRE)))
      .map(({ subject }): Mismatch => ({ kind: "record-unexpected", what: subject })),
    ...observed.deadLetters
      .filter(({ eventId }) => eventId === null || !ours.has(eventId))
      .map(({ eventId, reason }): Mismatch => ({ kind: "dead-letter-unexpected", what: eventId ?? reason })),
  ]
}

const EXPIRE = BigInt(FLAG.expire)

/** Applied and Expired both write: more than one of them for one operation is a doubled effect. */
function doubledKeys(outcomes: ReadonlyMap<string, readonly ChainOutcome[]>): string[] {
  const writes = (found: readonly ChainOutcome[]) =>
    found.filter(({ outcome }) => outcome === "Applied" || outcome === "Expired").length
  return [...outcomes].filter(([, found]) => writes(found) > 1).map(([key]) => key)
}
