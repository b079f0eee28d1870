import type { Sql, TransactionSql } from "../../../src/adapters/postgres/client.ts"
import type { Position } from "../../../src/domain/position.ts"

/**
 * Readers that lose or invert events, each by one step away from the lock horizon. They show that the tests can see it.
 * Each is a list of steps; what happens between two of them is the test's to choose.
 */

const HOLDERS = `select coalesce(array_agg(distinct virtualtransaction), '{}') as holders from pg_locks
  where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
    and database = (select oid from pg_database where datname = current_database())
    and relation in (select relid from pg_partition_tree('reconciler.outbox'))`

type Statements = Sql | TransactionSql

export async function highest(sql: Statements): Promise<Position> {
  const [row] = await sql<{ highest: bigint }[]>`select last_value as highest from reconciler.outbox_position`
  return row?.highest ?? 0n
}

export async function holders(sql: Statements): Promise<readonly string[]> {
  const [row] = await sql.unsafe<{ holders: string[] }[]>(HOLDERS)
  return row?.holders ?? []
}

export async function visible(sql: Statements, after: Position, upTo: Position): Promise<Position[]> {
  const rows = await sql<{ seq: bigint }[]>`
    select seq from reconciler.outbox where seq > ${after} and seq <= ${upTo} order by seq`
  return rows.map(({ seq }) => seq)
}

/** `seq > cursor`: what is there. */
export async function naive(sql: Statements, after: Position): Promise<Position[]> {
  return visible(sql, after, 2n ** 63n - 1n)
}

export interface XidRow {
  readonly xid: bigint
  readonly seq: bigint
  readonly subject: string
}

/** By transaction and position, below the oldest open transaction: loses nothing, inverts a subject, and stalls. */
export async function byTransaction(sql: Statements, after: Pick<XidRow, "xid" | "seq">): Promise<XidRow[]> {
  const rows = await sql<XidRow[]>`
    select xmin::text::bigint as xid, seq, encode(subject, 'hex') as subject from reconciler.outbox
    where (xmin::text::bigint, seq) > (${after.xid}::bigint, ${after.seq}::bigint)
      and xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    order by 1, 2`
  return [...rows]
}

/** Highest position, holders and events in one statement: one snapshot for all, taken before the holders are read. */
export async function inOneStatement(sql: Statements, pauseSeconds: number): Promise<Position[]> {
  const rows = await sql.unsafe<{ seq: bigint }[]>(`
    with sample as materialized (select last_value as highest from reconciler.outbox_position),
      pause as materialized (select highest, pg_sleep(${pauseSeconds}) from sample),
      held as materialized (select highest, holders from pause cross join lateral (${HOLDERS} and highest is not null) h)
    select o.seq from held join reconciler.outbox o on o.seq <= held.highest
    where held.holders = '{}' order by o.seq`)
  return rows.map(({ seq }) => seq)
}
