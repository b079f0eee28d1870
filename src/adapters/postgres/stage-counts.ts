import type { StageCounts } from "../../ops/status.ts"
import type { AnySql } from "./client.ts"

/** Counting further would take seconds, and would tell no more than that there are many. */
const MAX_COUNTED = 100_000

/** Rows, exact up to 100,000; above that the planner's estimate. */
async function countRows(sql: AnySql, table: string): Promise<number> {
  const [row] = await sql<[{ count: number }]>`
    with counted as (select count(*)::float8 as rows from (select from ${sql(table)} limit ${MAX_COUNTED}) s)
    select case when rows < ${MAX_COUNTED} then rows else greatest(rows, (
      select sum(greatest(reltuples, 0))::float8 from pg_class
      where relkind = 'r' and (oid = ${table}::regclass
        or oid in (select relid from pg_partition_tree(${table}::regclass))))) end as count
    from counted`
  return row.count
}

/** Events that were ever appended, those in archives included. */
export async function countEvents(sql: AnySql): Promise<number> {
  const [inLog, [archived]] = await Promise.all([
    countRows(sql, "reconciler.outbox"),
    sql<[{ rows: number }]>`
      select coalesce(sum(rows), 0)::float8 as rows from reconciler.archives where dropped_at is not null`,
  ])
  return inLog + archived.rows
}

/** By the indexes chain_operations_unfinished_of_subject and chain_operations_pending. What a rebuild does is not counted. */
export async function countChainWriter(sql: AnySql): Promise<StageCounts> {
  const [[open], [oldest], rows] = await Promise.all([
    sql<[{ waiting: number }]>`
      select count(*)::int as waiting from (
        select from reconciler.chain_operations
        where state in ('pending', 'claimed', 'included') and rebuild is null limit ${MAX_COUNTED}) s`,
    sql<[{ ageMs: number | null }]>`
      select (extract(epoch from clock_timestamp() - min(accepted_at)) * 1000)::float8 as "ageMs" from (
        select accepted_at from reconciler.chain_operations
        where state = 'pending' and not backfill and rebuild is null limit ${MAX_COUNTED}) s`,
    countRows(sql, "reconciler.chain_operations"),
  ])
  const done = await doneAmong(sql, "chain_operations", rows - open.waiting)
  return { done, waiting: open.waiting, oldestAgeMs: oldest.ageMs }
}

/** By the indexes operation_views_waiting and operation_views_timers. */
export async function countProjector(sql: AnySql): Promise<StageCounts> {
  const [[open], [timers], rows] = await Promise.all([
    sql<[{ requested: number; all: number; ageMs: number | null }]>`
      select count(*) filter (where coalesce(expired_seq, removed_seq) is null
          and kind is distinct from 'expire-ip-block')::int as requested, count(*)::int as all,
        trunc(extract(epoch from clock_timestamp() - min(requested_at)) * 1000)::float8 as "ageMs"
      from (
        select kind, requested_at, expired_seq, removed_seq from reconciler.operation_views
        where result is null limit ${MAX_COUNTED}) s`,
    sql<[{ waiting: number }]>`
      select count(*)::int as waiting from (
        select expires_at from reconciler.operation_views
        where result = 'confirmed' and expires_at is not null and expired_seq is null and not timer_void
        order by expires_at limit ${MAX_COUNTED}) s`,
    countRows(sql, "reconciler.operation_views"),
  ])
  const done = await doneAmong(sql, "operation_views", rows - open.all)
  return { done, waiting: open.requested + timers.waiting, oldestAgeMs: open.ageMs }
}

/** By the indexes operation_views_awaiting_removal and write_backs_due. */
export async function countWriteBack(sql: AnySql): Promise<StageCounts> {
  const [[removals], [open], rows] = await Promise.all([
    sql<[{ awaiting: number }]>`
      select count(*)::int as awaiting from (
        select position from reconciler.operation_views where expired_seq is not null and removed_seq is null
        order by position limit ${MAX_COUNTED}) s`,
    sql<[{ waiting: number; oldestAgeMs: number | null }]>`
      select count(*)::int as waiting,
        (extract(epoch from clock_timestamp() - min(due_at)) * 1000)::float8 as "oldestAgeMs"
      from (
        select due_at from reconciler.write_backs where done_at is null and due_at <= clock_timestamp()
        order by due_at limit ${MAX_COUNTED}) s`,
    countRows(sql, "reconciler.write_backs"),
  ])
  const done = await doneAmong(sql, "write_backs", rows - open.waiting)
  return { done, waiting: removals.awaiting + open.waiting, oldestAgeMs: open.oldestAgeMs }
}

type Done = "chain_operations" | "operation_views" | "write_backs"

/** Exact while the table has no more than 100,000 rows; else what is left of the estimate, as if all could be done. */
async function doneAmong(sql: AnySql, what: Done, otherwise: number): Promise<number> {
  const [row] = await readSample(sql, what)
  return row.scanned < MAX_COUNTED ? row.done : Math.max(row.done, Math.round(otherwise))
}

function readSample(sql: AnySql, what: Done) {
  type Sample = [{ scanned: number; done: number }]
  switch (what) {
    case "chain_operations":
      return sql<Sample>`
        select count(*)::int as scanned, count(*) filter (where state = 'final' and rebuild is null)::int as done
        from (select state, rebuild from reconciler.chain_operations limit ${MAX_COUNTED}) s`
    case "operation_views":
      return sql<Sample>`
        select count(*)::int as scanned,
          count(*) filter (where coalesce(result_seq, expired_seq, removed_seq) is not null
            and kind is distinct from 'expire-ip-block')::int as done
        from (select kind, result_seq, expired_seq, removed_seq from reconciler.operation_views limit ${MAX_COUNTED}) s`
    // Flags leave the queue when they are written; removals stay.
    case "write_backs":
      return sql<Sample>`
        select count(*)::int as scanned, count(*) filter (where done_at is not null)::int as done
        from (select done_at from reconciler.write_backs limit ${MAX_COUNTED}) s`
  }
}
