import { readFile } from "node:fs/promises"
import type { Sql } from "postgres"

const SCHEMA_SQL = new URL("./schema.sql", import.meta.url)

/**
 * Makes tables shaped as the app's own where they are missing; for the demo and tests. The schema is made too.
 * Never called on an app's database: there Django owns them.
 */
export async function createCareGridTables(sql: Sql<{ bigint: bigint }>, schema = "public"): Promise<void> {
  const statements = await readFile(SCHEMA_SQL, "utf8")
  await sql.begin(async tx => {
    await tx`create schema if not exists ${tx(schema)}`
    await tx`select set_config('search_path', quote_ident(${schema}), true)`
    await tx.unsafe(statements)
  })
}
