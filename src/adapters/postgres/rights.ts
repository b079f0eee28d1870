import { ConfigurationError } from "../../runtime/errors.ts"
import type { AnySql } from "./client.ts"
import { withSqlState } from "./sql-state.ts"

const INSUFFICIENT_PRIVILEGE = "42501"

/** Runs `work`; a login without the rights for it is a ConfigurationError (exit code 78), other errors pass as they are. */
export async function withRights<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const refused = withSqlState(error, INSUFFICIENT_PRIVILEGE)
    if (!refused) throw error
    throw new ConfigurationError(
      `The login in DATABASE_URL lacks rights (${refused.message}): use the role that ran \`reconciler migrate\`; for that one, a role with CREATE on the database.`,
      { cause: error },
    )
  }
}

/** Roles of ours that are not in the cluster: a login without CREATEROLE could not make them. */
export async function readMissingRoles(sql: AnySql): Promise<readonly string[]> {
  const rows = await sql<{ name: string }[]>`
    select r.name from unnest(reconciler.roles()) as r (name)
    where not exists (select from pg_roles where rolname = r.name)`
  return rows.map(({ name }) => name)
}
