import type { Position } from "../../../domain/position.ts"
import type { Sql, TransactionSql } from "../client.ts"
import type { Staging } from "./stage-strays.ts"

/** As in the SQL function ensure_partitions: who has it changes the log's partitions. */
const PARTITIONS_LOCK = 1380137285

/**
 * The short part: while nobody reads or writes the log, for 50 ms of waiting at most, its default partition becomes the
 * plain table `outbox_sorted`, the staged days become partitions, and an empty default partition takes its place.
 * With the default partition away, no attach has to look through it. "changed": a day was made meanwhile, or too much
 * came; begin anew.
 */
export async function swapDefaultPartition(
  sql: Sql,
  staging: Staging,
  copiedUpTo: Position,
  fewRows: number,
): Promise<"swapped" | "busy" | "changed"> {
  let outcome: "swapped" | "busy" | "changed" = "busy"
  const undone = new Error("not swapped")
  try {
    await sql.begin(async tx => {
      outcome = await swap(tx, staging, copiedUpTo, fewRows)
      if (outcome !== "swapped") throw undone
    })
  } catch (error) {
    if (error !== undone) throw error
  }
  return outcome
}

async function swap(tx: TransactionSql, staging: Staging, copiedUpTo: Position, fewRows: number) {
  await tx`set local lock_timeout = '50ms'`
  const [lock] = await tx<[{ held: boolean }]>`
    select pg_try_advisory_xact_lock(${PARTITIONS_LOCK}, 0) as held`
  if (!lock.held) return "busy"
  const days = staging.days()
  const names = days.map(({ partition }) => `reconciler.${partition}`)
  const [taken] = await tx`
    select from jsonb_array_elements_text(${JSON.stringify(names)}::text::jsonb) name
    where to_regclass(name) is not null`
  if (taken) return "changed"
  await tx`alter table reconciler.outbox detach partition reconciler.outbox_default`
  if ((await copyLate(tx, staging, copiedUpTo)) > fewRows) return "changed"
  for (const { table, partition, from, to } of days) {
    await tx.unsafe(`alter table ${table} rename to ${partition}`)
    await tx.unsafe(
      `alter table reconciler.outbox attach partition reconciler.${partition} for values from (${from}) to (${to})`,
    )
    await tx.unsafe(`alter table reconciler.${partition} drop constraint in_range`)
  }
  await tx`alter table reconciler.outbox_default rename to outbox_sorted`
  await tx.unsafe(`alter table ${staging.rest} rename to outbox_default`)
  await tx`alter table reconciler.outbox attach partition reconciler.outbox_default default`
  return "swapped" as const
}

/** To its day where that is staged; the rest waits for the next time. */
async function copyLate(tx: TransactionSql, staging: Staging, after: Position): Promise<number> {
  let copied = 0
  for (const { table, from, to } of staging.days()) {
    const { count } = await tx`
      insert into ${tx(table)}
      select * from reconciler.outbox_default where seq > ${after} and seq >= ${from} and seq < ${to}
      on conflict do nothing`
    copied += count
  }
  const ranges = staging.days().map(({ from, to }) => ({ from: String(from), to: String(to) }))
  const { count } = await tx`
    insert into ${tx(staging.rest)}
    select * from reconciler.outbox_default d
    where seq > ${after} and not exists (
      select from jsonb_to_recordset(${JSON.stringify(ranges)}::text::jsonb) as r ("from" bigint, "to" bigint)
      where d.seq >= r."from" and d.seq < r."to")
    on conflict do nothing`
  return copied + count
}
