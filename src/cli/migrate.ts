import { type PreparedDatabase, prepareDatabase } from "../infrastructure.ts"
import { ConfigurationError, EXIT } from "../runtime/errors.ts"
import type { AddCommand } from "./command.ts"

export const addMigrate: AddCommand = (program, context, answer) => {
  program
    .command("migrate")
    .description("Brings the database in DATABASE_URL to this version and gives the branch its WRITER_ID.")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Safe to run again, and from several machines at once. Needs the right to create the schema "reconciler".

Example:
  DATABASE_URL=postgres://owner@db/caregrid WRITER_ID=3 reconciler migrate`,
    )
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = context.config({ contracts: false, servers: ["postgres"] })
      if (config.databaseUrl === null) {
        throw new ConfigurationError(
          "DATABASE_URL is missing: an embedded database is migrated by `reconciler run`.",
        )
      }
      const prepared = await prepareDatabase(config.databaseUrl, config.writerId)
      context.stdout.write(json ? `${JSON.stringify(prepared)}\n` : summary(prepared))
      answer(EXIT.ok)
    })
}

function summary({ applied, writerId, missingRoles }: PreparedDatabase): string {
  const migrations =
    applied.length === 0
      ? "The database is at this version already.\n"
      : `Applied ${applied.length} migration(s):\n${applied.map(name => `  ${name}\n`).join("")}`
  const roles =
    missingRoles.length === 0
      ? ""
      : `Roles that this login may not make: ${missingRoles.join(", ")}. A login with CREATEROLE makes them (create role … nologin), then migrate again; without them one login runs everything.\n`
  return `${migrations}Writer id: ${writerId}\n${roles}`
}
