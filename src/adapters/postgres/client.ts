import postgres from "postgres"
import { useArrays } from "./arrays.ts"
import { socketsTo } from "./socket.ts"
import { takeTls } from "./tls.ts"

const BIGINT = { bigint: postgres.BigInt }

/** A pool of connections, or inside `begin` one transaction. Columns of type bigint come as JavaScript bigint. */
export type Sql = postgres.Sql<{ bigint: bigint }>
export type TransactionSql = postgres.TransactionSql<{ bigint: bigint }>
/** Where a statement can run: the pool or a transaction. */
export type AnySql = Sql | TransactionSql

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`; with `sslmode=verify-full&sslrootcert=<file>` over TLS. */
  readonly url: string
  /** Connections at most. */
  readonly max: number
  /** Connections are not made anew now and then: for what is true for one session. */
  readonly keepsSessions?: boolean
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  /** Notices of the server; dropped by default. */
  readonly onNotice?: (message: string) => void
}

/**
 * Opens nothing yet: the first statement connects.
 * Do not give the pool to `drizzle()`: it replaces the date parsers of the client it gets, for every user of it.
 */
export function openDatabase(options: DatabaseOptions): Sql {
  const onNotice = options.onNotice
  const { url, encryption } = takeTls(options.url)
  // Not in the driver's types.
  const withSockets = { socket: socketsTo(encryption) }
  const sql = postgres(url, {
    ...withSockets,
    max: options.max,
    ...(options.keepsSessions && { max_lifetime: null }),
    types: BIGINT,
    connect_timeout: 10,
    backoff: secondsBeforeReconnect,
    connection: { application_name: options.applicationName },
    onnotice: notice => onNotice?.(notice.message ?? ""),
    fetch_types: false,
  })
  useArrays(sql.options)
  // With types not fetched the driver never hands out a connection that it opens for this: one has to be open already.
  const reserve = sql.reserve.bind(sql)
  sql.reserve = async () => {
    await sql`select`
    return reserve()
  }
  return sql
}

const FIRST_WAIT_SECONDS = 0.02
const LONGEST_WAIT_SECONDS = 0.25

/** The driver's own wait grows to 20 s: after a server's return everything would stand still for as long again. */
function secondsBeforeReconnect(failures: number): number {
  return Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** failures)
}

/** Waits up to 5 s for statements in hand, then cuts the connections. */
export async function closeDatabase(sql: Sql): Promise<void> {
  await sql.end({ timeout: 5 })
}
