import type { Subject } from "../../domain/subject.ts"
import type { AppRow, Observations } from "../observe/observations.ts"
import type { ExpectedRow, ExpectedSubject } from "./expected.ts"
import type { Mismatch } from "./mismatch.ts"

export interface RowCheck {
  readonly mismatches: readonly Mismatch[]
  readonly manualBlocksKept: number
}

/**
 * The app's tables: flags set with the hash of a transaction that carried the operation, manual blocks kept, expired and lifted
 * ones gone, and nothing left of transactions that were refused or undone.
 */
export function checkRows(
  expected: ReadonlyMap<Subject, ExpectedSubject>,
  observed: Observations,
  transactions: ReadonlyMap<string, readonly string[]>,
): RowCheck {
  const mismatches: Mismatch[] = []
  let manualBlocksKept = 0
  for (const [subject, { row: wanted }] of expected) {
    const row = observed.rows.get(subject)
    mismatches.push(...compareRow(subject, wanted, row, transactions))
    if (wanted.present && wanted.manual && row?.manual === true) manualBlocksKept += 1
  }
  return { mismatches, manualBlocksKept }
}

function compareRow(
  subject: Subject,
  wanted: ExpectedRow,
  row: AppRow | undefined,
  transactions: ReadonlyMap<string, readonly string[]>,
): Mismatch[] {
  if (!wanted.present) return row ? [{ kind: "row-not-removed", what: subject, detail: row.table }] : []
  if (!row) return [{ kind: wanted.manual ? "manual-row-gone" : "row-missing", what: subject }]
  const found: Mismatch[] = []
  if (row.onChain !== wanted.onChain || (row.manual ?? false) !== wanted.manual) {
    found.push({ kind: "row-flag-differs", what: subject, detail: row.table })
  }
  if (wanted.onChain && !transactions.get(wanted.operation.eventId)?.includes(row.transactionHash)) {
    found.push({ kind: "row-hash-differs", what: subject, detail: row.table })
  }
  return found
}
