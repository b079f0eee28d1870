import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { readMigrationFiles } from "drizzle-orm/migrator"
import { UnavailableError } from "../../runtime/errors.ts"
import type { Sql, TransactionSql } from "./client.ts"
import { retryPartitions } from "./event-log/ensure-partitions.ts"
import { storeRequestTypes } from "./event-log/request-types.ts"
import { withRights } from "./rights.ts"

export const MIGRATIONS_FOLDER = fileURLToPath(new URL("../../../drizzle", import.meta.url))

const OLDEST_SERVER = 14
const DAYS_AHEAD = 7
/** "rcmi": two that migrate at once would both create the same tables. */
const LOCK = 0x72636d69

interface Migration {
  readonly name: string
  readonly hash: string
  readonly createdAtMs: number
  readonly statements: readonly string[]
}

/**
 * Brings the database's `reconciler` schema to this version, all or nothing; the names of what was applied.
 * Drizzle's files and table, but not its migrator: that one skips a migration older than the newest applied one, and
 * takes no lock. Throws UnavailableError (exit code 69) for a server that is too old, and ConfigurationError (78) for a
 * login that may not do it.
 */
export async function migrate(sql: Sql): Promise<readonly string[]> {
  await assertServerVersion(sql)
  return withRights(async () => {
    const applied = await sql.begin(applyMissing)
    await retryPartitions(sql, DAYS_AHEAD)
    return applied
  })
}

async function applyMissing(tx: TransactionSql): Promise<readonly string[]> {
  await tx`select pg_advisory_xact_lock(${LOCK})`
  const done = await appliedHashes(tx)
  const missing = readMigrations().filter(migration => !done.has(migration.hash))
  for (const migration of missing) await apply(tx, migration)
  await storeRequestTypes(tx)
  await tx`select reconciler.grant_rights()`
  return missing.map(migration => migration.name)
}

export function readMigrations(): readonly Migration[] {
  const journal = JSON.parse(readFileSync(`${MIGRATIONS_FOLDER}/meta/_journal.json`, "utf8")) as {
    entries: readonly { tag: string }[]
  }
  return readMigrationFiles({ migrationsFolder: MIGRATIONS_FOLDER }).map((file, index) => ({
    name: journal.entries[index]?.tag ?? `migration ${index}`,
    hash: file.hash,
    createdAtMs: file.folderMillis,
    statements: file.sql,
  }))
}

async function assertServerVersion(sql: Sql): Promise<void> {
  const [row] = await sql<{ version: string }[]>`select current_setting('server_version_num') as version`
  const major = Math.floor(Number(row?.version) / 10_000)
  if (major < OLDEST_SERVER) {
    throw new UnavailableError(
      `The server in DATABASE_URL is PostgreSQL ${major}: version ${OLDEST_SERVER} or newer is needed.`,
    )
  }
}

async function appliedHashes(tx: TransactionSql): Promise<Set<string>> {
  const [found] = await tx`select to_regclass('reconciler.migrations') is not null as present`
  if (!found?.present) {
    await tx`create schema if not exists reconciler`
    await tx`create table reconciler.migrations (
      id serial primary key, hash text not null unique, created_at bigint not null, name text not null)`
  }
  const rows = await tx<{ hash: string }[]>`select hash from reconciler.migrations`
  return new Set(rows.map(row => row.hash))
}

async function apply(tx: TransactionSql, migration: Migration): Promise<void> {
  for (const statement of migration.statements) await tx.unsafe(statement)
  await tx`insert into reconciler.migrations (hash, created_at, name)
    values (${migration.hash}, ${migration.createdAtMs}, ${migration.name})`
}
