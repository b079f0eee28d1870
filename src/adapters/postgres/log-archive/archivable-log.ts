import type { ArchivableLog, Archive, Partition } from "../../../outbox/archive-ports.ts"
import type { AnySql, Sql, TransactionSql } from "../client.ts"
import { withSqlState } from "../sql-state.ts"
import { readHolders } from "./holders.ts"
import { readLines } from "./read-lines.ts"
import { restorePartition } from "./restore-partition.ts"

const LOCK_NOT_AVAILABLE = "55P03"
const UNDEFINED_TABLE = "42P01"

/** Names go into statements that take no parameters. */
export function assertPartitionName(name: string): void {
  if (!/^outbox_[0-9]{8}$/.test(name)) throw new Error(`${name} is no day of the log`)
}

export function createArchivableLog(sql: Sql): ArchivableLog {
  return {
    partitions: () => readPartitions(sql),
    holders: partition => readHolders(sql, partition),
    lines: name => readLines(sql, name),
    archiveOf: name => readArchive(sql, name),
    record: archive => upsertArchive(sql, archive),
    detach: name => orBusy(async () => detachPartition(sql, name)),
    drop: archive => sql.begin(tx => dropDetached(tx, archive)).then(outcome => outcome),
    restore: (archive, lines) => orBusy(() => restorePartition(sql, archive, lines)),
  }
}

async function orBusy<T>(work: () => Promise<T>): Promise<T | "busy"> {
  try {
    return await work()
  } catch (error) {
    if (withSqlState(error, LOCK_NOT_AVAILABLE)) return "busy"
    throw error
  }
}

/** The bounds as the catalogue has them, and what an interrupted archiving left detached. */
async function readPartitions(sql: Sql): Promise<readonly Partition[]> {
  return sql<Partition[]>`
    with attached as (
      select c.relname as name, c.oid,
        substring(pg_get_expr(c.relpartbound, c.oid) from $$FROM [(]'([0-9]+)'[)]$$)::bigint as "from",
        substring(pg_get_expr(c.relpartbound, c.oid) from $$TO [(]'([0-9]+)'[)]$$)::bigint as "to"
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'reconciler.outbox'::regclass and c.relname ~ '^outbox_[0-9]{8}$'
    ), detached as (
      select a.partition as name, to_regclass('reconciler.' || a.partition)::oid as oid, a.from_seq as "from",
        a.to_seq as "to"
      from reconciler.archives a
      where a.dropped_at is null and to_regclass('reconciler.' || a.partition) is not null
        and a.partition not in (select name from attached)
    )
    select p.name, p."from", p."to", pg_total_relation_size(p.oid)::float8 as bytes, p.attached,
      a.restored_at is not null as restored
    from (select *, true as attached from attached union all select *, false from detached) p
      left join reconciler.archives a on a.partition = p.name
    order by p."from"`
}

async function readArchive(sql: Sql, name: string): Promise<Archive | null> {
  const [row] = await sql<Archive[]>`
    select partition, from_seq as "from", to_seq as "to", file, rows::float8, bytes::float8, sha256
    from reconciler.archives where partition = ${name}`
  return row ?? null
}

async function upsertArchive(sql: AnySql, { partition, from, to, file, rows, bytes, sha256 }: Archive) {
  await sql`
    insert into reconciler.archives (partition, from_seq, to_seq, file, rows, bytes, sha256)
    values (${partition}, ${from}, ${to}, ${file}, ${rows}, ${bytes}, ${sha256})
    on conflict (partition) do update set
      file = excluded.file, rows = excluded.rows, bytes = excluded.bytes, sha256 = excluded.sha256,
      archived_at = excluded.archived_at, dropped_at = null`
}

/**
 * Not CONCURRENTLY, which a log with a default partition refuses. The lock is asked for 50 ms at most and held for the
 * catalogue change alone: nothing has to be scanned, because the default partition may from now on take those rows.
 */
async function detachPartition(sql: Sql, name: string): Promise<"detached"> {
  assertPartitionName(name)
  await sql.begin(async tx => {
    await tx`set local lock_timeout = '50ms'`
    const [found] = await tx`
      select from pg_inherits where inhparent = 'reconciler.outbox'::regclass
        and inhrelid = to_regclass(${`reconciler.${name}`})`
    if (found) await tx.unsafe(`alter table reconciler.outbox detach partition reconciler.${name}`)
  })
  return "detached"
}

/** One transaction: what is counted is what is dropped. Idempotency keys live as long as what they name. */
async function dropDetached(tx: TransactionSql, archive: Archive): Promise<"dropped" | "changed"> {
  assertPartitionName(archive.partition)
  try {
    await tx.savepoint(inner =>
      inner.unsafe(`lock table reconciler.${archive.partition} in access exclusive mode`),
    )
  } catch (error) {
    if (withSqlState(error, UNDEFINED_TABLE)) return "dropped"
    throw error
  }
  const [counted] = await tx<{ rows: number }[]>`
    select count(*)::float8 as rows from ${tx(`reconciler.${archive.partition}`)}`
  if (counted?.rows !== archive.rows) return "changed"
  await tx.unsafe(`drop table reconciler.${archive.partition}`)
  await tx`
    update reconciler.archives set dropped_at = clock_timestamp(), restored_at = null
    where partition = ${archive.partition}`
  await tx`
    delete from reconciler.idempotency_keys
    where seq < ${archive.to}
      or seq is null and answered_at < to_timestamp(((${archive.to}::bigint >> 22) + 1704067200000) / 1000.0)`
  return "dropped"
}
