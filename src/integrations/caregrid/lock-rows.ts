import type { Position } from "../../domain/position.ts"
import { type Subject, subjectBytes } from "../../domain/subject.ts"
import type { AnySql } from "./sql.ts"
import { type CareGridTable, jsonList } from "./tables.ts"

/** A subject's row of the app, if it has one. */
export interface LinkedRow {
  readonly subject: Subject
  readonly rowId: bigint
  /** Position of the newest operation the row tells of. */
  readonly newest: Position
  /** False when the app has deleted the row. */
  readonly present: boolean
  /** Held by this transaction; false while the app holds it. */
  readonly locked: boolean
  readonly manual: boolean
  /** Until its own expiry by the database clock; null for tables without one. */
  readonly expiresInMs: number | null
}

/**
 * Locks the subjects' rows and reads them with their links. Two statements, in this order: a link read together with
 * the lock can be older than the lock, and a row renewed in between would pass for the block it was.
 * SKIP LOCKED, so that nobody waits for the app, and the app is never the victim of a deadlock with us.
 */
export async function lockRows(
  tx: AnySql,
  schema: string,
  table: CareGridTable,
  subjects: readonly Subject[],
): Promise<ReadonlyMap<Subject, LinkedRow>> {
  if (subjects.length === 0) return new Map()
  const keys = jsonList(subjects.map(subject => subjectBytes(subject).toString("hex")))
  const locked = new Set((await lockLinked(tx, schema, table, keys)).map(row => row.id))
  const rows = await readLinked(tx, schema, table, keys)
  return new Map(rows.map(row => [row.subject, { ...row, locked: locked.has(row.rowId) }]))
}

function lockLinked(tx: AnySql, schema: string, table: CareGridTable, keys: string) {
  return tx<{ id: bigint }[]>`
    select b.id from ${tx(`${schema}.${table}`)} b
    where b.id in (
      select l.row_id from reconciler.app_rows l
      where l.table_name = ${table}
        and l.subject in (
          select decode(k.subject, 'hex') from jsonb_array_elements_text(${keys}::text::jsonb) as k (subject)))
    order by b.id
    for update of b skip locked`
}

/** clock_timestamp(), not now(): a row renewed by a transaction that began after this one is read with its own time. */
function readLinked(tx: AnySql, schema: string, table: CareGridTable, keys: string) {
  const own =
    table === "firewall_blockedip"
      ? tx`coalesce(b.is_manual, false) as manual,
          (extract(epoch from b.expiry_time - clock_timestamp()) * 1000)::float8 as "expiresInMs"`
      : tx`false as manual, null::float8 as "expiresInMs"`
  return tx<Omit<LinkedRow, "locked">[]>`
    select '0x' || encode(l.subject, 'hex') as subject, l.row_id as "rowId", l.seq as newest,
      b.id is not null as present, ${own}
    from reconciler.app_rows l left join ${tx(`${schema}.${table}`)} b on b.id = l.row_id
    where l.table_name = ${table}
      and l.subject in (
          select decode(k.subject, 'hex') from jsonb_array_elements_text(${keys}::text::jsonb) as k (subject))`
}
