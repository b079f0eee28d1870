import postgres from "postgres"

/**
 * The server's error with this SQLSTATE (PostgreSQL documentation, appendix A; RC… are our own), if it is one, also
 * under the wrapping that drizzle gives it.
 */
export function withSqlState(error: unknown, sqlState: string): postgres.PostgresError | undefined {
  if (error instanceof postgres.PostgresError) return error.code === sqlState ? error : undefined
  return error instanceof Error && error.cause ? withSqlState(error.cause, sqlState) : undefined
}
