import type { Clock } from "../../../runtime/clock.ts"
import { ConfigurationError, EXIT, OperatorError } from "../../../runtime/errors.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { withSqlState } from "../sql-state.ts"
import { inspectTable, type TableCapture } from "./inspect.ts"
import type { CapturedTable, TriggerDefinition } from "./triggers.ts"

const LOCK_NOT_AVAILABLE = "55P03"
const INSUFFICIENT_PRIVILEGE = "42501"

/** A minute and a half: longer than the app's longest transactions, which wait for a block. */
const TRIES = 300
const BETWEEN_TRIES_MS = 250

export interface TriggerContext {
  readonly appSchema: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface TriggerChange {
  readonly table: string
  readonly trigger: string
  readonly change: "created" | "replaced" | "enabled" | "removed"
}

type Step = TriggerChange & { readonly statements: readonly string[] }

/** What has to be done to a table so that its triggers are there as they should be. */
export function stepsToInstall(appSchema: string, { table, triggers }: TableCapture): readonly Step[] {
  const name = quoted(appSchema, table)
  return triggers
    .filter(({ state }) => state !== "as-it-should-be")
    .map(({ definition, state }) => {
      const create = oneLine(definition.create.replace("%t", name))
      const step = { table, trigger: definition.name }
      if (state === "missing") return { ...step, change: "created", statements: [create] }
      if (state === "changed") {
        return { ...step, change: "replaced", statements: [drop(definition, name), create] }
      }
      const statements = [`alter table ${name} enable trigger ${definition.name}`]
      return { ...step, change: "enabled", statements }
    })
}

export function stepsToRemove(appSchema: string, { table, triggers }: TableCapture): readonly Step[] {
  const name = quoted(appSchema, table)
  return triggers
    .filter(({ state }) => state !== "missing")
    .map(({ definition }) => ({
      table,
      trigger: definition.name,
      change: "removed",
      statements: [drop(definition, name)],
    }))
}

/**
 * Changes one table's triggers, all or none. The lock that this needs stops the app's writes to the table: it is asked
 * for 50 ms at a time, since writers queue behind who waits. Throws OperatorError (exit code 75) when it was never given,
 * ConfigurationError (78) when the login may not do it.
 */
export async function changeTriggers(
  sql: Sql,
  context: TriggerContext,
  captured: CapturedTable,
  plan: (appSchema: string, found: TableCapture) => readonly Step[],
): Promise<readonly TriggerChange[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await sql.begin(tx => runSteps(tx, context.appSchema, captured, plan))
    } catch (error) {
      if (withSqlState(error, INSUFFICIENT_PRIVILEGE)) throw lacksRights(captured.table, error)
      if (!withSqlState(error, LOCK_NOT_AVAILABLE)) throw error
      if (tries >= TRIES) throw isBusy(captured.table, error)
    }
    await context.clock.sleep(BETWEEN_TRIES_MS, context.signal)
    context.signal.throwIfAborted()
  }
}

async function runSteps(
  tx: TransactionSql,
  appSchema: string,
  captured: CapturedTable,
  plan: (appSchema: string, found: TableCapture) => readonly Step[],
): Promise<readonly TriggerChange[]> {
  const steps = plan(appSchema, await inspectTable(tx, appSchema, captured))
  await tx`set local lock_timeout = '50ms'`
  for (const statement of steps.flatMap(step => step.statements)) await tx.unsafe(statement)
  return steps.map(({ table, trigger, change }) => ({ table, trigger, change }))
}

function lacksRights(table: string, cause: unknown): ConfigurationError {
  return new ConfigurationError(
    `The login in DATABASE_URL may not change triggers of ${table}: use the role that owns the app's tables and ran \`reconciler migrate\`, or grant it TRIGGER on the table, and ownership to remove them.`,
    { cause },
  )
}

function isBusy(table: string, cause: unknown): OperatorError {
  return new OperatorError(
    `${table} is in use by a transaction that does not end: nothing was changed there. Try again later.`,
    EXIT.tryAgain,
    { cause },
  )
}

function drop(definition: TriggerDefinition, table: string): string {
  return `drop trigger ${definition.name} on ${table}`
}

/** Both come from settings that allow nothing but lower-case letters, digits and underscores. */
function quoted(schema: string, table: string): string {
  return `"${schema}"."${table}"`
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ")
}
