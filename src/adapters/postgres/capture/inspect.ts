import type { CareGridTable } from "../../../integrations/caregrid/tables.ts"
import type { AnySql } from "../client.ts"
import { readChangedFunctions } from "./functions.ts"
import { compareSubjects, type SubjectMaking, type SubjectsComparison } from "./subjects.ts"
import { type CapturedTable, type TriggerDefinition, triggersOf } from "./triggers.ts"

export type TriggerState = "as-it-should-be" | "missing" | "disabled" | "changed"

export interface TableCapture {
  readonly table: CareGridTable
  readonly isThere: boolean
  readonly triggers: readonly { readonly definition: TriggerDefinition; readonly state: TriggerState }[]
  /** Columns that capture reads and that are not there, or of another type. */
  readonly changedColumns: readonly string[]
}

export interface CaptureState {
  /** Null when it was not asked for. */
  readonly subjects: SubjectsComparison | null
  readonly changedFunctions: readonly string[]
  readonly tables: readonly TableCapture[]
}

export interface CaptureScope {
  readonly appSchema: string
  readonly tables: readonly CapturedTable[]
}

/** How capture stands, and where it is not what `install` makes. Changes nothing. */
export async function inspectCapture(
  sql: AnySql,
  scope: CaptureScope,
  making: SubjectMaking | null,
): Promise<CaptureState> {
  const tables: TableCapture[] = []
  for (const captured of scope.tables) tables.push(await inspectTable(sql, scope.appSchema, captured))
  return {
    subjects: making && (await compareSubjects(sql, making)),
    changedFunctions: await readChangedFunctions(sql),
    tables,
  }
}

export async function inspectTable(
  sql: AnySql,
  appSchema: string,
  captured: CapturedTable,
): Promise<TableCapture> {
  const { table } = captured
  const columns = await readColumns(sql, appSchema, table)
  const triggers = await readTriggers(sql, appSchema, table)
  return {
    table,
    isThere: columns.size > 0,
    triggers: triggersOf(captured).map(definition => ({
      definition,
      state: stateOf(
        triggers.find(({ name }) => name === definition.name),
        definition,
      ),
    })),
    changedColumns: Object.entries(captured.columns)
      .filter(([name, types]) => !types.includes(columns.get(name) ?? ""))
      .map(([name]) => name),
  }
}

interface FoundTrigger {
  readonly name: string
  readonly function: string
  readonly type: number
  readonly isDeferred: boolean
  readonly isPlain: boolean
  readonly enabled: string
}

function stateOf(found: FoundTrigger | undefined, wanted: TriggerDefinition): TriggerState {
  if (!found) return "missing"
  const isSame =
    found.function === `reconciler.${wanted.function}` &&
    found.type === wanted.type &&
    found.isDeferred === wanted.isDeferred &&
    found.isPlain
  if (!isSame) return "changed"
  return found.enabled === "O" || found.enabled === "A" ? "as-it-should-be" : "disabled"
}

/** `isPlain`: no WHEN, no UPDATE OF, no arguments. */
async function readTriggers(sql: AnySql, appSchema: string, table: string): Promise<readonly FoundTrigger[]> {
  return sql<FoundTrigger[]>`
    select t.tgname as name, n.nspname || '.' || p.proname as function, t.tgtype as type, t.tgenabled as enabled,
      t.tginitdeferred as "isDeferred", t.tgqual is null and t.tgattr = '' and t.tgnargs = 0 as "isPlain"
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
    where t.tgrelid = to_regclass(format('%I.%I', ${appSchema}::text, ${table}::text)) and not t.tgisinternal`
}

async function readColumns(
  sql: AnySql,
  appSchema: string,
  table: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ name: string; type: string }[]>`
    select a.attname as name, format_type(a.atttypid, null) as type
    from pg_attribute a
    where a.attrelid = to_regclass(format('%I.%I', ${appSchema}::text, ${table}::text))
      and a.attnum > 0 and not a.attisdropped`
  return new Map(rows.map(({ name, type }) => [name, type]))
}
