import type { Observations } from "../observe/observations.ts"
import type { RunRecord } from "../record.ts"
import { checkEnds, type ObservedEnd } from "./ends.ts"
import { expectedSubjects } from "./expected.ts"
import { checkExpiries } from "./expiries.ts"
import { checkLog } from "./log.ts"
import { type Percentiles, requestToConfirmedMs } from "./measures.ts"
import type { Mismatch } from "./mismatch.ts"
import { checkRows } from "./rows.ts"
import { checkStates } from "./states.ts"

/** What came out, counted from outside. `confirmed + rejected + superseded + deadLettered + lost = operations`. */
export interface Findings {
  readonly operations: number
  readonly rolledBack: number
  readonly refused: number
  readonly manualStands: number
  readonly confirmed: number
  readonly rejected: number
  readonly superseded: number
  readonly deadLettered: number
  readonly blocksExpired: number
  readonly blocksRemovedOnChain: number
  readonly blocksRemovedInDatabase: number
  readonly manualBlocksKept: number
  /** Operations without an end: no result, no effect, or no dead letter where one is owed. */
  readonly lost: number
  /** Operations that took effect on the chain more than once. */
  readonly doubled: number
  /** Everything else that is not as it must be. */
  readonly mismatches: number
  readonly requestToConfirmedMs: Percentiles
  /** All gas of our batches, cleanup and repeats included, for each operation that reached the chain. */
  readonly gasPerOperation: number
}

export interface CheckResult {
  readonly findings: Findings
  readonly details: readonly Mismatch[]
  readonly holds: boolean
}

/** Compares what must have come out with what can be seen from outside. Pure. */
export function check(record: RunRecord, observed: Observations): CheckResult {
  const expected = expectedSubjects(record)
  const { ends, doubled, transactions, mismatches: endMismatches } = checkEnds(record, observed)
  const expiries = checkExpiries(record, expected, observed)
  const rows = checkRows(expected, observed, transactions)
  const count = (wanted: ObservedEnd) => [...ends.values()].filter(end => end === wanted).length
  const counts = {
    rolledBack: record.rolledBack.length,
    refused: record.refused,
    manualStands: record.manualStands,
    confirmed: count("confirmed"),
    rejected: count("rejected"),
    superseded: count("superseded"),
    deadLettered: count("dead-lettered"),
    blocksExpired: expiries.blocksExpired,
    blocksRemovedOnChain: expiries.blocksRemovedOnChain,
    blocksRemovedInDatabase: expiries.blocksRemovedInDatabase,
    manualBlocksKept: rows.manualBlocksKept,
  }
  const mismatches = [
    ...checkLog(record, observed),
    ...endMismatches,
    ...checkStates(expected, observed),
    ...rows.mismatches,
    ...expiries.mismatches,
    ...absent(counts),
  ]
  const lost = [...ends].filter(([, end]) => end === "lost").map(([eventId]) => eventId)
  const onChain = counts.confirmed + counts.rejected + counts.superseded
  return {
    findings: {
      operations: record.operations.length,
      ...counts,
      lost: lost.length,
      doubled: doubled.length,
      mismatches: mismatches.length,
      requestToConfirmedMs: requestToConfirmedMs(record, observed),
      gasPerOperation: onChain === 0 ? 0 : Math.round(Number(observed.chain.gasUsed) / onChain),
    },
    details: [
      ...lost.map((what): Mismatch => ({ kind: "lost", what })),
      ...doubled.map((what): Mismatch => ({ kind: "doubled", what })),
      ...mismatches,
    ],
    holds: lost.length === 0 && doubled.length === 0 && mismatches.length === 0,
  }
}

/** A kind of traffic that did not occur was not tried, whatever the others say. */
function absent(counts: Readonly<Record<string, number>>): Mismatch[] {
  return Object.entries(counts)
    .filter(([, count]) => count === 0)
    .map(([what]) => ({ kind: "traffic-absent", what }))
}
