import postgres from "postgres"

/** Whether the server answered with this SQLSTATE (PostgreSQL documentation, appendix A; RC… are our own). */
export function hasSqlState(error: unknown, sqlState: string): error is postgres.PostgresError {
  return error instanceof postgres.PostgresError && error.code === sqlState
}
