import { drizzle } from "drizzle-orm/postgres-js"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { postgresEventLog } from "../../src/adapters/postgres/event-log/append.ts"
import { drizzleEventLog } from "../../src/adapters/postgres/event-log/append-drizzle.ts"
import { type Subject, subjectFromBytes } from "../../src/domain/subject.ts"
import { createTestDatabase } from "../support/database.ts"
import { eventLogConformance } from "./event-log.ts"

async function committedIn(sql: Sql) {
  const rows = await sql<{ type: string; subject: Buffer; payload: Record<string, unknown> }[]>`
    select type, subject, payload from reconciler.outbox order by seq`
  return rows.map(row => ({ ...row, subject: subjectFromBytes(row.subject) }))
}

async function marksIn(sql: Sql, subject: Subject): Promise<readonly boolean[]> {
  const rows = await sql<{ backfill: boolean }[]>`
    select backfill from reconciler.outbox where subject = decode(${subject.slice(2)}, 'hex') order by seq`
  return rows.map(row => row.backfill)
}

eventLogConformance("postgres.js", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    log: postgresEventLog,
    transaction: async work => {
      let result: { readonly of: Awaited<ReturnType<typeof work>> } | undefined
      await sql.begin(async tx => {
        result = { of: await work(tx) }
      })
      return result!.of
    },
    committed: () => committedIn(sql),
    marks: subject => marksIn(sql, subject),
    close: drop,
  }
})

eventLogConformance("drizzle", async () => {
  const { sql, url, drop } = await createTestDatabase()
  const client = openDatabase({ url, max: 5, applicationName: "test-drizzle" })
  const database = drizzle(client)
  return {
    log: drizzleEventLog,
    transaction: work => database.transaction(work),
    committed: () => committedIn(sql),
    marks: subject => marksIn(sql, subject),
    close: async () => {
      await closeDatabase(client)
      await drop()
    },
  }
})
