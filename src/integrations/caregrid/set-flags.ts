import type { AnySql } from "./sql.ts"
import { CAREGRID_TABLES, type CareGridTable, jsonList } from "./tables.ts"

export interface RowFlag {
  readonly rowId: bigint
  /** Null where the transaction is not known: the hash that stands stays. */
  readonly transactionHash: string | null
}

/** Tells rows that their operation is on the chain. A row that says so already is not written: its triggers stay quiet. */
export async function setFlags(
  tx: AnySql,
  schema: string,
  table: CareGridTable,
  flags: readonly RowFlag[],
): Promise<void> {
  if (flags.length === 0) return
  const { flag, hash } = CAREGRID_TABLES[table]
  await tx`
    update ${tx(`${schema}.${table}`)} b
    set ${tx(flag)} = true, ${tx(hash)} = coalesce(r."transactionHash", b.${tx(hash)})
    from jsonb_to_recordset(${jsonList(flags)}::text::jsonb) as r ("rowId" bigint, "transactionHash" text)
    where b.id = r."rowId"
      and (not b.${tx(flag)} or b.${tx(hash)} is distinct from coalesce(r."transactionHash", b.${tx(hash)}))`
}
