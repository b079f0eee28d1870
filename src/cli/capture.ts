import type { Command } from "commander"
import {
  type CaptureContext,
  installCapture,
  planInstallation,
  planRemoval,
  removeCapture,
} from "../adapters/postgres/capture/capture.ts"
import { inspectCapture } from "../adapters/postgres/capture/inspect.ts"
import type { SubjectMaking } from "../adapters/postgres/capture/subjects.ts"
import { capturedTables } from "../adapters/postgres/capture/triggers.ts"
import { assertMigrated } from "../adapters/postgres/check.ts"
import type { Sql } from "../adapters/postgres/client.ts"
import type { Config } from "../config.ts"
import { withDatabase } from "../infrastructure.ts"
import { ConfigurationError, EXIT } from "../runtime/errors.ts"
import { readPrivateFile } from "../runtime/private-file.ts"
import { captureReport, changeReport, statementReport } from "./capture-report.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"

interface CaptureArguments {
  readonly tables?: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

export const addCapture: AddCommand = (program, context, answer) => {
  const capture = program
    .command("capture")
    .description("Turns what CareGrid writes into its own tables into events, by triggers on them.")
    .addHelpText(
      "after",
      `
The login in DATABASE_URL must own CareGrid's tables, or have TRIGGER on them. CareGrid's own login needs no new right.
The step-by-step guide is docs/integration.md.

Examples:
  SUBJECT_KEY_FILE=subject.key reconciler capture install
  SUBJECT_HASHING=as-stored reconciler capture install --dry-run
  reconciler capture status --json
  reconciler capture remove --tables firewall_attackpattern`,
    )
  const add = (name: string, description: string, run: (given: CaptureArguments) => Promise<number>) =>
    withOptions(capture.command(name).description(description), name).action(
      async (given: CaptureArguments) => {
        answer(await run(given))
      },
    )
  add("install", "Puts the triggers on the tables, and again where they are not as they should be.", given =>
    install(context, given),
  )
  add("status", "Shows whether capture is whole; exit code 1 where it is not.", given =>
    status(context, given),
  )
  add("remove", "Takes the triggers off the tables. What was captured stays.", given =>
    remove(context, given),
  )
}

function withOptions(command: Command, name: string): Command {
  command
    .option("--tables <names>", "some of the tables only, separated by commas (default: all three)")
    .option("--json", "print one JSON object")
  if (name !== "status") command.option("--dry-run", "show the statements and change nothing")
  return command
}

async function install(context: CliContext, given: CaptureArguments): Promise<number> {
  const config = readSettings(context)
  const making = await subjectMaking(config)
  if (making === null) {
    throw new ConfigurationError(
      "SUBJECT_KEY_FILE is missing: the key that subjects are made with, the same one for all branches. Make one with `openssl rand -hex 32`; or set SUBJECT_HASHING=as-stored, if CareGrid itself is to read the chain.",
    )
  }
  if (making.hashing === "as-stored") {
    context.stderr.write(
      "SUBJECT_HASHING=as-stored: CareGrid's own hashes go to the chain. Whoever can read it can find the addresses by trying them all.\n",
    )
  }
  return withCapture(context, config, given, async (sql, scope) => {
    if (given.dryRun) {
      context.stdout.write(statementReport(await planInstallation(sql, scope, making), given.json))
      return EXIT.ok
    }
    context.stdout.write(changeReport(await installCapture(sql, scope, making), given.json))
    return EXIT.ok
  })
}

function status(context: CliContext, given: CaptureArguments): Promise<number> {
  const config = readSettings(context)
  return withCapture(context, config, given, async (sql, scope) => {
    const report = captureReport(await inspectCapture(sql, scope, await subjectMaking(config)))
    context.stdout.write(given.json ? `${JSON.stringify(report)}\n` : report.text)
    return report.findings.length === 0 ? EXIT.ok : EXIT.partialFailure
  })
}

function remove(context: CliContext, given: CaptureArguments): Promise<number> {
  return withCapture(context, readSettings(context), given, async (sql, scope) => {
    if (given.dryRun) {
      context.stdout.write(statementReport(await planRemoval(sql, scope), given.json))
      return EXIT.ok
    }
    context.stdout.write(changeReport(await removeCapture(sql, scope), given.json))
    return EXIT.ok
  })
}

function readSettings(context: CliContext): Config {
  return context.config({ contracts: false, servers: ["postgres"] })
}

function withCapture<T>(
  { clock, signal }: CliContext,
  { databaseUrl, appSchema }: Config,
  given: CaptureArguments,
  use: (sql: Sql, scope: CaptureContext) => Promise<T>,
): Promise<T> {
  if (databaseUrl === null) throw new ConfigurationError("DATABASE_URL is needed: CareGrid's own database.")
  const tables = chosenTables(given.tables)
  return withDatabase(databaseUrl, async sql => {
    await assertMigrated(sql)
    return use(sql, { appSchema, tables, clock, signal })
  })
}

function chosenTables(names: string | undefined): CaptureContext["tables"] {
  if (names === undefined) return capturedTables
  const wanted = names.split(",").map(name => name.trim())
  const known = capturedTables.map(({ table }) => table)
  const unknown = wanted.filter(name => !known.some(table => table === name))
  if (unknown.length > 0) {
    throw new ConfigurationError(`--tables: no ${unknown.join(", ")}; there are ${known.join(", ")}.`)
  }
  return capturedTables.filter(({ table }) => wanted.includes(table))
}

/** Null where the key is not given. */
async function subjectMaking(config: Config): Promise<SubjectMaking | null> {
  if (config.subjectHashing === "as-stored") return { hashing: "as-stored", patientKey: config.patientKey }
  if (config.subjectKeyFile === null) return null
  const hex = await readPrivateFile(config.subjectKeyFile)
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) {
    throw new ConfigurationError(`SUBJECT_KEY_FILE: ${config.subjectKeyFile} must hold 64 hex digits.`)
  }
  return { hashing: "hmac", key: Buffer.from(hex, "hex") }
}
