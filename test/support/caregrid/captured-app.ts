import { installCapture } from "../../../src/adapters/postgres/capture/capture.ts"
import type { SubjectMaking } from "../../../src/adapters/postgres/capture/subjects.ts"
import { capturedTables } from "../../../src/adapters/postgres/capture/triggers.ts"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
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
  /** Empties the app's tables, for the next test: ids begin with 1 again, and nothing that was captured counts. */
  clear(): Promise<void>
  /** What was appended since the last look. */
  news(): Promise<readonly CapturedEvent[]>
  /** Sends the steps as one connection of the app would; the rows that the last RETURNING gave. */
  run(steps: readonly Step[]): Promise<readonly { readonly id: bigint }[]>
}

/** The app's tables with the triggers on them, in a database of its own. */
export async function createCapturedApp(
  options: { readonly making?: SubjectMaking } = {},
): Promise<CapturedApp> {
  const database = await createTestDatabase()
  await createCareGridTables(database.sql)
  await database.sql`insert into core_branch (name, location) values ('North', 'Hill')`
  await installCapture(database.sql, captureContext, options.making ?? HMAC)
  const session = openDatabase({ url: database.url, max: 1, applicationName: "test-app" })
  let seen = 0
  return {
    ...database,
    async clear() {
      await emptyTables(database.sql)
      seen = (await readCaptured(database.sql)).length
    },
    async news() {
      const all = await readCaptured(database.sql)
      const found = all.slice(seen)
      seen = all.length
      return found
    },
    run: steps => send(session, steps),
    async drop() {
      await closeDatabase(session)
      await database.drop()
    },
  }
}

/** By DELETE, not by TRUNCATE, which is an event of its own. */
async function emptyTables(sql: Sql): Promise<void> {
  for (const { table } of capturedTables) {
    await sql`delete from ${sql(table)}`
    await sql`alter table ${sql(table)} alter column id restart`
  }
  await sql`delete from reconciler.manual_blocks`
  await sql`delete from reconciler.app_rows`
  await sql`delete from reconciler.dead_letters`
}

/** A session of its own: the driver's `reserve` waits for ever where the pool has to open a connection for it. */
export async function withConnection<T>(url: string, use: (connection: Sql) => Promise<T>): Promise<T> {
  const connection = openDatabase({ url, max: 1, applicationName: "test-session" })
  try {
    return await use(connection)
  } finally {
    await closeDatabase(connection)
  }
}

/** As psycopg does: in its own transaction, or as it is where none was begun. */
export async function send(
  connection: Sql,
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
