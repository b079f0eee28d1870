import { ConfigurationError } from "../../../runtime/errors.ts"
import type { Sql } from "../client.ts"
import {
  changeTriggers,
  stepsToInstall,
  stepsToRemove,
  type TriggerChange,
  type TriggerContext,
} from "./change-triggers.ts"
import { type CaptureScope, inspectCapture } from "./inspect.ts"
import { compareSubjects, deleteSubjects, insertSubjects, type SubjectMaking } from "./subjects.ts"
import { capturedTables } from "./triggers.ts"

export type CaptureContext = CaptureScope & TriggerContext

/**
 * Puts the triggers on the tables, one table a transaction; the changes made, none if all was there. Can be run again at
 * any time. Throws ConfigurationError (exit code 78) where a table is missing, the login may not do it, or capture was
 * set up with other subjects, and OperatorError (75) where a table was in use all the time.
 */
export async function installCapture(
  sql: Sql,
  context: CaptureContext,
  making: SubjectMaking,
): Promise<readonly TriggerChange[]> {
  await assertTables(sql, context)
  await insertSubjects(sql, making)
  await assertSubjects(sql, making)
  const changes: TriggerChange[] = []
  for (const captured of context.tables) {
    changes.push(...(await changeTriggers(sql, context, captured, stepsToInstall)))
  }
  return changes
}

/** What `installCapture` would run, and changes nothing. Throws as that one does. */
export async function planInstallation(
  sql: Sql,
  context: CaptureContext,
  making: SubjectMaking,
): Promise<readonly string[]> {
  await assertTables(sql, context)
  await assertSubjects(sql, making)
  const { tables } = await inspectCapture(sql, context, making)
  return tables.flatMap(table => stepsToInstall(context.appSchema, table)).flatMap(step => step.statements)
}

/**
 * Takes the triggers off the tables; with the last of them also what subjects were made with. What was captured stays
 * in the log. A table that is not there any more is no error.
 */
export async function removeCapture(sql: Sql, context: CaptureContext): Promise<readonly TriggerChange[]> {
  const changes: TriggerChange[] = []
  for (const captured of context.tables) {
    changes.push(...(await changeTriggers(sql, context, captured, stepsToRemove)))
  }
  const { tables } = await inspectCapture(sql, { ...context, tables: capturedTables }, null)
  const isLeft = tables.some(({ triggers }) => triggers.some(({ state }) => state !== "missing"))
  if (!isLeft) await deleteSubjects(sql)
  return changes
}

/** What `removeCapture` would run; changes nothing. */
export async function planRemoval(sql: Sql, context: CaptureContext): Promise<readonly string[]> {
  const { tables } = await inspectCapture(sql, context, null)
  return tables.flatMap(table => stepsToRemove(context.appSchema, table)).flatMap(step => step.statements)
}

async function assertTables(sql: Sql, context: CaptureContext): Promise<void> {
  const { tables } = await inspectCapture(sql, context, null)
  const faults = tables.flatMap(({ table, isThere, changedColumns }) => {
    if (!isThere) return [`${context.appSchema}.${table} is not there`]
    return changedColumns.length === 0 ? [] : [`${table} is not as expected in ${changedColumns.join(", ")}`]
  })
  if (faults.length === 0) return
  throw new ConfigurationError(
    `Not CareGrid's tables: ${faults.join("; ")}. Check DATABASE_URL and APP_SCHEMA, or name those that are there with --tables.`,
  )
}

async function assertSubjects(sql: Sql, making: SubjectMaking): Promise<void> {
  if ((await compareSubjects(sql, making)) !== "different") return
  throw new ConfigurationError(
    "Capture was set up here with other subjects (SUBJECT_HASHING, SUBJECT_KEY_FILE or PATIENT_KEY): with these, what is on the chain already would get a second subject. Set what was set then.",
  )
}
