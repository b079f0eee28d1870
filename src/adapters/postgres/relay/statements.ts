import type { LoggedEvent } from "../../../domain/event.ts"
import type { Position } from "../../../domain/position.ts"
import type { AnySql, Sql } from "../client.ts"

/**
 * Which start of the server answered. What was learned of locks before another one means nothing: virtual transaction
 * ids start anew, and a prepared transaction gets another id in a crash. The checkpoint that ends a recovery tells of a
 * crash that the postmaster itself outlived; an ordinary one only has the same learned again. Not the server process:
 * behind a pooler that gives them out by transaction each statement has another.
 */
const serverStart = (sql: Sql) =>
  sql`pg_postmaster_start_time() || '@' || (select checkpoint_lsn from pg_control_checkpoint())`

/** The highest position handed out so far, committed or not. */
export async function readHighestPosition(sql: Sql): Promise<{ highest: Position; serverStart: string }> {
  const [row] = await sql<[{ highest: bigint; serverStart: string }]>`
    select last_value as highest, ${serverStart(sql)} as "serverStart" from reconciler.outbox_position`
  return row
}

/**
 * The transactions that may have a position and have not ended, prepared ones included. The partitions count too:
 * a row can be put into one directly.
 */
export async function readLockHolders(
  sql: Sql,
): Promise<{ holders: ReadonlySet<string>; serverStart: string }> {
  const [row] = await sql<[{ holders: string[] | null; serverStart: string }]>`
    select array_agg(distinct virtualtransaction) as holders, ${serverStart(sql)} as "serverStart"
    from pg_locks
    where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
      and database = (select oid from pg_database where datname = current_database())
      and relation in (select relid from pg_partition_tree('reconciler.outbox'))`
  return { holders: new Set(row.holders ?? []), serverStart: row.serverStart }
}

export interface WalPositions {
  readonly inserted: bigint
  readonly flushed: bigint
  readonly serverStart: string
}

/** How far the write-ahead log is written and how far it is on disk, in bytes since its beginning. */
export async function readWalPositions(sql: Sql): Promise<WalPositions> {
  const [row] = await sql<[WalPositions]>`
    select (pg_current_wal_insert_lsn() - '0/0')::bigint as inserted,
      (pg_current_wal_flush_lsn() - '0/0')::bigint as flushed, ${serverStart(sql)} as "serverStart"`
  return row
}

/** Puts all WAL written so far on disk: a commit that waits for its own record waits for those before it. */
export async function flushWal(sql: Sql): Promise<void> {
  await sql.begin(async tx => {
    await tx`set local synchronous_commit = local`
    await tx`select pg_logical_emit_message(true, 'reconciler', '')`
  })
}

/** An event as it is: what would have to be made of another form of a column is made for each event, and garbage next. */
const columns = (sql: AnySql) => sql`
    seq as position, event_id as "eventId", type, '0x' || encode(subject, 'hex') as subject, payload::text as "payloadJson",
      date_part('epoch', occurred_at) * 1000 as "occurredAtMs", traceparent, causation_id as "causationId",
      backfill`

/** By the primary key of the partitions. */
export async function readEvents(
  sql: Sql,
  after: Position,
  upTo: Position,
  limit: number,
): Promise<LoggedEvent[]> {
  const rows = await sql<LoggedEvent[]>`
    select ${columns(sql)}
    from reconciler.outbox where seq > ${after} and seq <= ${upTo} order by seq limit ${limit}`
  return [...rows]
}

/** Those that are in the log, by rising position. */
export async function readEventsAt(sql: AnySql, positions: readonly Position[]): Promise<LoggedEvent[]> {
  if (positions.length === 0) return []
  const rows = await sql<LoggedEvent[]>`
    select ${columns(sql)}
    from reconciler.outbox where seq = any(${positions.map(String)}::bigint[]) order by seq`
  return [...rows]
}
