import { ConfigurationError, UnavailableError } from "../../runtime/errors.ts"
import type { Sql } from "./client.ts"
import { currentWriterId } from "./event-log/set-writer-id.ts"
import { readMigrations } from "./migrate.ts"
import { withRights } from "./rights.ts"
import { isUntrusted } from "./tls.ts"

/**
 * Throws UnavailableError (exit code 69) when the server does not answer or refuses the login, ConfigurationError (78)
 * when its certificate is not to be trusted. The URL is never shown.
 */
export async function assertReachable(sql: Sql): Promise<void> {
  try {
    await sql`select 1`
  } catch (cause) {
    if (isUntrusted(cause)) {
      throw new ConfigurationError(
        `PostgreSQL's certificate is not accepted (${cause.message}): DATABASE_SSL_CA_FILE must hold the authority that signed it, and DATABASE_URL a name that it bears.`,
        { cause },
      )
    }
    const code = cause instanceof Error && "code" in cause ? ` (${cause.code})` : ""
    throw new UnavailableError(
      `PostgreSQL cannot be used${code}: check DATABASE_URL, that the server runs, and that the login and the database exist.`,
      { cause },
    )
  }
}

/** Throws ConfigurationError (exit code 78) while the database is not at this version: running on would lose or garble. */
export async function assertMigrated(sql: Sql): Promise<void> {
  const { missing, unknown } = await withRights(() => compareMigrations(sql))
  if (missing.length > 0) {
    throw new ConfigurationError(
      `The database lacks ${missing.length} migration(s) (${missing.join(", ")}): run \`reconciler migrate\`.`,
    )
  }
  if (unknown.length > 0) {
    throw new ConfigurationError(
      `The database was migrated by a newer release (${unknown.join(", ")}): run that one, or a newer one.`,
    )
  }
}

/** Two branches of one writer id could give out the same position: what is configured must be what the log was made with. */
export async function assertWriterId(sql: Sql, writerId: number): Promise<void> {
  const actual = await currentWriterId(sql)
  if (actual === writerId) return
  throw new ConfigurationError(
    `WRITER_ID is ${writerId}, but this database's log was made with ${actual}: set WRITER_ID=${actual}, or run \`reconciler migrate\` before the first event.`,
  )
}

async function compareMigrations(sql: Sql) {
  const [found] = await sql`select to_regclass('reconciler.migrations') is not null as present`
  const applied = found?.present
    ? await sql<{ hash: string; name: string }[]>`select hash, name from reconciler.migrations`
    : []
  const known = readMigrations()
  return {
    missing: known.filter(({ hash }) => !applied.some(row => row.hash === hash)).map(({ name }) => name),
    unknown: applied.filter(({ hash }) => !known.some(one => one.hash === hash)).map(({ name }) => name),
  }
}
