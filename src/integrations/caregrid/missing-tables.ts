import type { AnySql } from "./sql.ts"
import { careGridTables, jsonList } from "./tables.ts"

/** Those of the app's tables that are not in the schema. */
export async function readMissingTables(sql: AnySql, schema: string): Promise<readonly string[]> {
  const rows = await sql<{ name: string }[]>`
    select t.name from jsonb_array_elements_text(${jsonList(careGridTables)}::text::jsonb) as t (name)
    where to_regclass(format('%I.%I', ${schema}::text, t.name)) is null`
  return rows.map(row => row.name)
}
