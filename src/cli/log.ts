import { InvalidArgumentError } from "commander"
import { composeLog, type LogTools } from "../compose-log.ts"
import { positionTimeMs } from "../domain/position.ts"
import { oldEnough } from "../outbox/log-archiver.ts"
import { ConfigurationError, EXIT, OperatorError } from "../runtime/errors.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"
import { withShutdown } from "./service.ts"

const RESTORE_TRIES = 20
const BETWEEN_TRIES_MS = 250

export const addLog: AddCommand = (program, context, answer) => {
  const log = program
    .command("log")
    .description("Shows, archives and restores the days of the event log.")
    .addHelpText(
      "after",
      `
Examples:
  reconciler log partitions                        each day: size, and who still needs it
  reconciler log archive --older-than 90           one file a day into LOG_ARCHIVE_DIRECTORY, then the day goes
  reconciler log restore outbox_20260131-….zst     puts a day back into the log`,
    )
  log
    .command("partitions")
    .description("Lists the days in the log, oldest first, with size and who still needs them.")
    .option("--json", "print one JSON object")
    .action(async ({ json = false }: { json?: boolean }) => {
      await withLog(context, tools => listPartitions(context, tools, json))
      answer(EXIT.ok)
    })
  log
    .command("archive")
    .description("Archives the days that are old enough and that nobody needs, the oldest first.")
    .option("--older-than <days>", "days a day stays in the log; LOG_RETENTION_DAYS by default", parseDays)
    .option("--partition <name>", "this day, however old, also one that was restored")
    .action(async ({ olderThan, partition }: { olderThan?: number; partition?: string }) => {
      await withLog(context, tools => archiveDays(context, tools, { olderThan, partition }))
      answer(EXIT.ok)
    })
  log
    .command("restore <file>")
    .description(
      "Puts a day back from its file in LOG_ARCHIVE_DIRECTORY; it stays until it is archived by hand.",
    )
    .action(async (file: string) => {
      await withLog(context, tools => restoreDay(context, tools, file))
      answer(EXIT.ok)
    })
}

function parseDays(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text)) throw new InvalidArgumentError("a whole number of days.")
  return Number(text)
}

async function withLog(context: CliContext, use: (tools: LogTools) => Promise<void>): Promise<void> {
  const config = context.config({ contracts: false, servers: ["postgres", "kafka"] })
  const { databaseUrl, kafkaBrokers } = config
  if (databaseUrl === null || kafkaBrokers === null) {
    throw new ConfigurationError("DATABASE_URL and KAFKA_BROKERS are needed: this asks running servers.")
  }
  const logger = context.logger(config)
  await withShutdown(logger, async shutdown => {
    const { clock } = context
    await use(
      await composeLog({ config, connections: { databaseUrl, kafkaBrokers }, clock, logger, shutdown }),
    )
  })
}

async function listPartitions(context: CliContext, tools: LogTools, json: boolean): Promise<void> {
  const rows: PartitionRow[] = []
  for (const partition of await tools.log.partitions()) {
    const { name, from, to, bytes, restored } = partition
    const neededBy = partition.attached ? await tools.log.holders(partition) : []
    rows.push({ name, from: String(from), to: String(to), bytes, restored, neededBy })
  }
  context.stdout.write(json ? `${JSON.stringify({ partitions: rows })}\n` : rows.map(line).join(""))
}

interface PartitionRow {
  readonly name: string
  /** Positions, as decimal texts. */
  readonly from: string
  readonly to: string
  readonly bytes: number
  readonly restored: boolean
  readonly neededBy: readonly string[]
}

function line({ name, bytes, restored, neededBy }: PartitionRow): string {
  const notes = [restored && "restored", neededBy.length > 0 && `needed by ${neededBy.join(", ")}`]
  const size = `${(bytes / 2 ** 20).toFixed(1).padStart(10)} MiB`
  return `${[name, size, ...notes.filter(note => note !== false)].join("  ")}\n`
}

async function archiveDays(
  context: CliContext,
  tools: LogTools,
  options: { readonly olderThan: number | undefined; readonly partition: string | undefined },
): Promise<void> {
  const partitions = await tools.log.partitions()
  const chosen = options.partition
    ? partitions.filter(
        ({ name, to }) => name === options.partition && positionTimeMs(to) <= context.clock.nowMs(),
      )
    : oldEnough(partitions, retentionDays(tools, options.olderThan), context.clock.nowMs())
  if (options.partition && chosen.length === 0) {
    throw new OperatorError(
      `${options.partition} is no past day in the log: see \`reconciler log partitions\`.`,
      EXIT.usage,
    )
  }
  for (const partition of chosen) {
    const result = await tools.archiver().archive(partition, context.signal)
    if (result.outcome === "archived") {
      const { file, rows, sha256 } = result.archive
      context.stdout.write(`${partition.name}: ${rows} events in ${file} (sha256 ${sha256})\n`)
      continue
    }
    const why =
      result.outcome === "held" ? `is needed by ${result.by.join(", ")}` : "is held by a long transaction"
    throw new OperatorError(`${partition.name} ${why}; it and all later days stay.`, EXIT.tryAgain)
  }
}

function retentionDays(tools: LogTools, olderThan: number | undefined): number {
  const days = olderThan ?? tools.retentionDays
  if (days === null)
    throw new ConfigurationError("Say how old: --older-than <days>, or set LOG_RETENTION_DAYS.")
  return days
}

async function restoreDay(context: CliContext, tools: LogTools, file: string): Promise<void> {
  const files = tools.files()
  const found = await files.inspect(file)
  const recorded = await tools.log.archiveOf(found.partition)
  if (recorded && recorded.file === found.file && recorded.sha256 !== found.sha256) {
    throw new OperatorError(
      `${file} is not what was archived: its SHA-256 is another than recorded.`,
      EXIT.unavailable,
    )
  }
  for (let tries = 0; tries < RESTORE_TRIES; tries += 1) {
    if ((await tools.log.restore(found, files.lines(file))) === "restored") {
      context.stdout.write(`${found.partition}: ${found.rows} events are in the log again\n`)
      return
    }
    await context.clock.sleep(BETWEEN_TRIES_MS, context.signal)
  }
  throw new OperatorError(
    `${found.partition} cannot be put back while a long transaction holds the log.`,
    EXIT.tryAgain,
  )
}
