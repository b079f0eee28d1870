import type { AnySql } from "./sql.ts"
import { jsonList } from "./tables.ts"

/**
 * Takes expired blocks out of the app's table, with their links; the ids of those that went. The guard is on the row's
 * own columns, whatever the caller believes: the app may have renewed it, or a person may have made it manual.
 */
export async function deleteExpiredBlocks(
  tx: AnySql,
  schema: string,
  rowIds: readonly bigint[],
): Promise<ReadonlySet<bigint>> {
  if (rowIds.length === 0) return new Set()
  const gone = await tx<{ id: bigint }[]>`
    with gone as (
      delete from ${tx(`${schema}.firewall_blockedip`)} b
      where b.id in (
        select wanted.id::bigint from jsonb_array_elements_text(${jsonList(rowIds)}::text::jsonb) as wanted (id))
        and not b.is_manual and b.expiry_time <= clock_timestamp()
      returning b.id),
    unlinked as (
      delete from reconciler.app_rows l using gone
      where l.table_name = 'firewall_blockedip' and l.row_id = gone.id)
    select id from gone`
  return new Set(gone.map(row => row.id))
}
