import { deleteExpiredBlocks } from "../../../integrations/caregrid/delete-expired-blocks.ts"
import { type LinkedRow, lockRows } from "../../../integrations/caregrid/lock-rows.ts"
import { setFlags } from "../../../integrations/caregrid/set-flags.ts"
import { type CareGridTable, careGridTables } from "../../../integrations/caregrid/tables.ts"
import { type Decision, decideFlag, decideRemoval, type FoundRow } from "../../../write-back/decide.ts"
import type { WriteBackPass } from "../../../write-back/ports.ts"
import type { TransactionSql } from "../client.ts"
import { type ClaimedWork, claimWork } from "./claim-work.ts"
import { appendRemovals, deleteWork, postponeWork } from "./finish-work.ts"

interface Decided {
  readonly work: ClaimedWork
  readonly row: LinkedRow | undefined
  readonly decision: Decision
}

/** One pass, within the caller's transaction: claim, lock the app's rows, decide, write. */
export async function settleWork(
  tx: TransactionSql,
  appSchema: string,
  limit: number,
): Promise<WriteBackPass> {
  const works = await claimWork(tx, limit)
  const decided: Decided[] = []
  for (const table of careGridTables) {
    const ofTable = works.filter(work => work.table === table)
    const rows = await lockRows(tx, appSchema, table, [...new Set(ofTable.map(work => work.subject))])
    for (const work of ofTable) {
      const row = rows.get(work.subject)
      decided.push({ work, row, decision: decide(work, row) })
    }
    await flagRows(tx, appSchema, table, decided)
  }
  await removeRows(tx, appSchema, decided)
  await deleteWork(
    tx,
    decided.filter(isSettledFlag).map(({ work }) => work.operationPosition),
  )
  const postponed = decided.flatMap(({ work, decision }) =>
    decision.do === "wait" ? [{ position: work.operationPosition, ms: decision.ms }] : [],
  )
  await postponeWork(tx, postponed)
  return { settled: decided.length - postponed.length, waiting: postponed.length }
}

function decide(work: ClaimedWork, row: LinkedRow | undefined): Decision {
  return work.action === "flag"
    ? decideFlag(work.operationPosition, found(row))
    : decideRemoval(work.blockVersion ?? work.operationPosition, found(row))
}

function found(row: LinkedRow | undefined): FoundRow {
  if (!row?.present) return { state: "absent" }
  return row.locked ? { state: "here", ...row } : { state: "locked" }
}

function isSettledFlag({ work, decision }: Decided): boolean {
  return work.action === "flag" && decision.do !== "wait"
}

async function flagRows(
  tx: TransactionSql,
  appSchema: string,
  table: CareGridTable,
  decided: readonly Decided[],
): Promise<void> {
  const flags = decided.flatMap(({ work, row, decision }) =>
    work.table === table && decision.do === "set-flag" && row
      ? [{ rowId: row.rowId, transactionHash: work.transactionHash }]
      : [],
  )
  await setFlags(tx, appSchema, table, flags)
}

/** A row counts for one block: where the app linked the first of two only, both would find it to be theirs. */
async function removeRows(tx: TransactionSql, appSchema: string, decided: readonly Decided[]): Promise<void> {
  const removals = decided.filter(({ work, decision }) => work.action === "remove" && decision.do !== "wait")
  const wanted = removals.flatMap(({ row, decision }) => (decision.do === "delete" && row ? [row.rowId] : []))
  const left = new Set(await deleteExpiredBlocks(tx, appSchema, wanted))
  await appendRemovals(
    tx,
    removals.map(({ work, row, decision }) => ({
      work,
      rows: decision.do === "delete" && row && left.delete(row.rowId) ? 1 : 0,
    })),
  )
}
