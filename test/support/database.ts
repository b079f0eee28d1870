import { createHash, randomBytes } from "node:crypto"
import { inject } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { migrate, readMigrations } from "../../src/adapters/postgres/migrate.ts"
import { requestTypes } from "../../src/outbox/request-types.ts"

/** "rctt": one test file makes the template, the others wait for it. */
const TEMPLATE_LOCK = 0x72637474
const LEAK_DEADLINE_MS = 2_000

export interface TestDatabase {
  readonly sql: Sql
  readonly url: string
  /** Closes `sql` and drops the database. Throws if the test left a connection open, after dropping all the same. */
  drop(): Promise<void>
}

/** A migrated database of its own, copied from a template that the first caller of a run makes. */
export async function createTestDatabase(options: { readonly max?: number } = {}): Promise<TestDatabase> {
  const serverUrl = inject("databaseUrl")
  const name = `test_${randomBytes(8).toString("hex")}`
  await withServer(serverUrl, async server => {
    const template = await ensureTemplate(server, serverUrl)
    await server.unsafe(`create database ${name} template ${template}`)
  })
  const url = databaseUrl(serverUrl, name)
  const sql = openDatabase({ url, max: options.max ?? 10, applicationName: "test" })
  return {
    sql,
    url,
    async drop() {
      await closeDatabase(sql)
      const leaked = await withServer(serverUrl, async server => {
        const left = await connectionsLeft(server, name)
        await server.unsafe(`drop database ${name} with (force)`)
        return left
      })
      if (leaked.length > 0) throw new Error(`the test left connections open: ${leaked.join(", ")}`)
    },
  }
}

/** An empty database: for tests of the migration itself. */
export async function createEmptyDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const serverUrl = inject("databaseUrl")
  const name = `test_${randomBytes(8).toString("hex")}`
  await withServer(serverUrl, server => server.unsafe(`create database ${name}`))
  return {
    url: databaseUrl(serverUrl, name),
    drop: () =>
      withServer(serverUrl, async server => {
        await server.unsafe(`drop database ${name} with (force)`)
      }),
  }
}

async function ensureTemplate(server: Sql, serverUrl: string): Promise<string> {
  const template = `test_template_${templateHash()}`
  if (await exists(server, template)) return template
  await server`select pg_advisory_lock(${TEMPLATE_LOCK})`
  if (!(await exists(server, template))) {
    // Renamed when it is whole: a run killed half-way must not leave a template that looks finished.
    await server.unsafe(`drop database if exists ${template}_building`)
    await server.unsafe(`create database ${template}_building`)
    const url = databaseUrl(serverUrl, `${template}_building`)
    const sql = openDatabase({ url, max: 1, applicationName: "test-template" })
    await migrate(sql).finally(() => closeDatabase(sql))
    await untilNobodyConnected(server, `${template}_building`)
    await server.unsafe(`alter database ${template}_building rename to ${template}`)
  }
  await server`select pg_advisory_unlock(${TEMPLATE_LOCK})`
  return template
}

/** Of all that `migrate` puts into a database. */
function templateHash(): string {
  const hash = createHash("sha256").update(JSON.stringify(requestTypes()))
  for (const migration of readMigrations()) hash.update(migration.hash)
  return hash.digest("hex").slice(0, 16)
}

async function exists(server: Sql, name: string): Promise<boolean> {
  const rows = await server`select from pg_database where datname = ${name}`
  return rows.length > 0
}

/** A connection that was just closed is still seen for a moment. */
async function connectionsLeft(server: Sql, name: string): Promise<readonly string[]> {
  const deadline = Date.now() + LEAK_DEADLINE_MS
  for (;;) {
    const rows = await server<{ who: string }[]>`
      select application_name || ' (' || coalesce(state, 'unknown') || ')' as who
      from pg_stat_activity where datname = ${name} and backend_type = 'client backend'`
    if (rows.length === 0 || Date.now() > deadline) return rows.map(row => row.who)
  }
}

async function untilNobodyConnected(server: Sql, name: string): Promise<void> {
  const left = await connectionsLeft(server, name)
  if (left.length > 0) throw new Error(`${name} is still in use: ${left.join(", ")}`)
}

async function withServer<T>(serverUrl: string, work: (server: Sql) => Promise<T>): Promise<T> {
  const server = openDatabase({ url: serverUrl, max: 1, applicationName: "test-server" })
  try {
    return await work(server)
  } finally {
    await closeDatabase(server)
  }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}
