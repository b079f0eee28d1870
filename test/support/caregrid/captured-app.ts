import type { ReservedSql } from "postgres"
import { installCapture } from "../../../src/adapters/postgres/capture/capture.ts"
import type { SubjectMaking } from "../../../src/adapters/postgres/capture/subjects.ts"
import { capturedTables } from "../../../src/adapters/postgres/capture/triggers.ts"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { createCareGridTables } from "../../../src/integrations/caregrid/create-tables.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../database.ts"
import type { Step } from "./recorded.ts"

export const SUBJECT_KEY = Buffer.from("0b".repeat(32), "hex")
export const HMAC: SubjectMaking = { hashing: "hmac", key: SUBJECT_KEY }

export const captureContext = {
  appSchema: "public",
  tables: capturedTables,
  clock: systemClock,
  signal: new AbortController().signal,
}

export interface CapturedApp extends TestDatabase {
  /** Sends the steps as one connection of the app would; the rows that the last RETURNING gave. */
  run(steps: readonly Step[]): Promise<readonly { readonly id: bigint }[]>
}

/** The app's tables with the triggers on them, in a database of its own. */
export async function createCapturedApp(
  options: { readonly making?: SubjectMaking; readonly max?: number } = {},
): Promise<CapturedApp> {
  const database = await createTestDatabase({ max: options.max ?? 10 })
  await createCareGridTables(database.sql)
  await database.sql`insert into core_branch (name, location) values ('North', 'Hill')`
  await installCapture(database.sql, captureContext, options.making ?? HMAC)
  return { ...database, run: steps => withConnection(database.sql, connection => send(connection, steps)) }
}

export async function withConnection<T>(
  sql: Sql,
  use: (connection: ReservedSql<{ bigint: bigint }>) => Promise<T>,
): Promise<T> {
  const connection = await sql.reserve()
  try {
    return await use(connection)
  } finally {
    connection.release()
  }
}

/** As psycopg does: in its own transaction, or as it is where none was begun. */
export async function send(
  connection: ReservedSql<{ bigint: bigint }>,
  steps: readonly Step[],
): Promise<readonly { readonly id: bigint }[]> {
  let returned: readonly { readonly id: bigint }[] = []
  for (const step of steps) {
    if (typeof step === "string") await connection.unsafe(step)
    else if ("savepoint" in step) await connection.unsafe(step.savepoint)
    else {
      const rows = await connection.unsafe<{ id: bigint }[]>(step.text, [...step.values])
      if (rows.length > 0) returned = [...rows]
    }
  }
  return returned
}

export interface CapturedEvent {
  readonly type: string
  readonly subject: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** The whole log, in its order. */
export async function readCaptured(sql: Sql): Promise<readonly CapturedEvent[]> {
  const rows = await sql<CapturedEvent[]>`
    select replace(type, '.requested', '') as type, '0x' || encode(subject, 'hex') as subject, payload
    from reconciler.outbox order by seq`
  return rows.map(row => ({ ...row }))
}

export async function readCaptureLetters(sql: Sql) {
  const rows = await sql<
    { reason: string; table: string; rowId: bigint | null; fields: string[]; state: string }[]
  >`
    select reason, app_table as table, app_row_id as "rowId", fields, state
    from reconciler.dead_letters where source = 'capture' order by id`
  return rows.map(row => ({ ...row }))
}
