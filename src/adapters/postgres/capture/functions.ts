import type { AnySql } from "../client.ts"
import { readMigrations } from "../migrate.ts"

/** What the triggers run, directly or not. */
const CAPTURE_FUNCTIONS = [
  "block_change",
  "capture_block",
  "capture_block_step",
  "capture_gone",
  "capture_letter",
  "capture_patient",
  "capture_request",
  "capture_settled",
  "capture_signature",
  "capture_truncate",
  "capture_unreadable",
  "captured_row_id",
  "captured_subject",
  "keccak256",
  "read_block",
  "read_patient",
  "read_signature",
  "unchanged",
  "write_request",
]

const RUN_BY_TRIGGERS = new Set(["capture_block", "capture_patient", "capture_signature", "capture_truncate"])
const SEARCH_PATH = "search_path=pg_catalog, pg_temp"

/** Those of capture's functions that are not, or not only, what this release's migrations made. */
export async function readChangedFunctions(sql: AnySql): Promise<readonly string[]> {
  const rows = await sql<{ name: string; body: string; asOwner: boolean; settings: string[] | null }[]>`
    select proname as name, prosrc as body, prosecdef as "asOwner", proconfig as settings
    from pg_proc where pronamespace = 'reconciler'::regnamespace and proname = any(${CAPTURE_FUNCTIONS}::text[])`
  const bodies = migratedBodies()
  return CAPTURE_FUNCTIONS.filter(name => {
    const [found, ...overloads] = rows.filter(row => row.name === name)
    if (!found || overloads.length > 0 || found.body !== bodies.get(name)) return true
    if (!RUN_BY_TRIGGERS.has(name)) return false
    return !found.asOwner || found.settings?.length !== 1 || found.settings[0] !== SEARCH_PATH
  })
}

const DEFINITION = /CREATE (?:OR REPLACE )?FUNCTION "reconciler"\."(\w+)"[^$]*\$\$(.*?)\$\$/gs

/** The newest definition of each function, by the migrations. */
function migratedBodies(): ReadonlyMap<string, string> {
  const statements = readMigrations().flatMap(migration => migration.statements)
  return new Map(
    statements.flatMap(statement =>
      [...statement.matchAll(DEFINITION)].map(([, name = "", body = ""]) => [name, body] as const),
    ),
  )
}
