import { userInfo } from "node:os"
import { type Command, InvalidArgumentError, Option } from "commander"
import { assertMigrated } from "../adapters/postgres/check.ts"
import { createDeadLetters } from "../adapters/postgres/dead-letters/dead-letters.ts"
import { createDeadLetterLevers } from "../adapters/postgres/dead-letters/levers.ts"
import { discardAll, requeueAll, select, type Tools } from "../dead-letters/bulk.ts"
import { DEAD_LETTER_STATES, type DeadLetter, type DeadLetterFilter } from "../dead-letters/ports.ts"
import { isSubject, type Subject } from "../domain/subject.ts"
import { withDatabase } from "../infrastructure.ts"
import { ConfigurationError, EXIT, OperatorError } from "../runtime/errors.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"
import { letterDetails, letterJson, letterTable, outcomeJson, outcomeLines } from "./dead-letters-text.ts"

const LISTED = 100
const MOST_SELECTED = 100_000
const UNSETTLED = ["open", "requeued"] as const

const HELP = `
With a letter that blocks its subject go all the same source has set aside of that subject, in the order of the log, and
none after one that fails again. The relay's letters are sent by the active relay; a consumer's are handled at once, from
the log. Payloads are never shown.

Examples:
  reconciler dead-letters list --reason bad-payload
  reconciler dead-letters show 17
  reconciler dead-letters requeue 17 18
  reconciler dead-letters requeue --subject 0x2d3f… --dry-run
  reconciler dead-letters requeue --all --reason unknown-type --yes
  reconciler dead-letters discard 17 --because "typed by hand, asked for again by the ward"`

interface Selection {
  readonly subject?: Subject
  readonly reason?: string
  readonly type?: string
  readonly source?: string
  readonly all?: true
}

interface Doing extends Selection {
  readonly dryRun?: true
  readonly yes?: true
  readonly json?: true
}

export const addDeadLetters: AddCommand = (program, context, answer) => {
  const deadLetters = program
    .command("dead-letters")
    .description("Shows what was set aside, handles it again, or gives it up.")
    .addHelpText("after", HELP)

  withFilters(deadLetters.command("list"))
    .description("What is set aside, the oldest first. Exit code 1 when something is not settled.")
    .addOption(new Option("--state <state>", "instead of what is not settled").choices(DEAD_LETTER_STATES))
    .option("--limit <letters>", `at most so many; ${LISTED} by default`, parseLimit, LISTED)
    .option("--after <id>", "go on after this letter", parseId)
    .option("--json", "print one JSON array")
    .action(async (options: Listing) => {
      const letters = await withTools(context, ({ deadLetters: store }) =>
        store.list({
          limit: options.limit,
          after: options.after ?? 0n,
          filter: { ...filterOf(options), states: options.state ? [options.state] : UNSETTLED },
        }),
      )
      const nowMs = context.clock.nowMs()
      context.stdout.write(
        options.json ? `${JSON.stringify(letters.map(letterJson))}\n` : letterTable(letters, nowMs),
      )
      answer(letters.some(({ state }) => isUnsettled(state)) ? EXIT.partialFailure : EXIT.ok)
    })

  deadLetters
    .command("show")
    .description("All that is known of one letter.")
    .argument("<id>", "as `list` shows it", parseId)
    .option("--json", "print one JSON object")
    .action(async (id: bigint, { json = false }: { json?: boolean }) => {
      const [letter] = await withTools(context, tools => select(tools, { ids: [id] }, 1))
      if (!letter) throw new OperatorError(`There is no dead letter ${id}.`, EXIT.usage)
      context.stdout.write(json ? `${JSON.stringify(letterJson(letter))}\n` : letterDetails(letter))
      answer(EXIT.ok)
    })

  withDoing(deadLetters.command("requeue").alias("retry"))
    .description("Handles letters again. For the relay's it waits until the active relay has sent them.")
    .option("--wait <seconds>", "for the relay; 15 by default", parseSeconds, 15)
    .action(async (ids: bigint[], options: Doing & { readonly wait: number }) => {
      await withTools(context, async tools => {
        const letters = await choose(context, tools, ids, options, "requeued")
        if (!letters) return answer(EXIT.ok)
        const outcomes = await requeueAll(tools, letters, options.wait * 1_000, context)
        context.stdout.write(
          options.json ? `${JSON.stringify(outcomes.map(outcomeJson))}\n` : outcomeLines(outcomes),
        )
        answer(outcomes.every(({ outcome }) => outcome === "resolved") ? EXIT.ok : EXIT.partialFailure)
      })
    })

  withDoing(deadLetters.command("discard"))
    .description("Gives letters up, for a reason that is kept. What waited only for them goes on.")
    .requiredOption(
      "--because <reason>",
      "why; kept with the letter, so no names and no addresses",
      parseReason,
    )
    .option("--by <name>", "who; the system's user by default", userInfo().username)
    .action(async (ids: bigint[], options: Doing & { readonly because: string; readonly by: string }) => {
      await withTools(context, async tools => {
        const letters = await choose(context, tools, ids, options, "discarded")
        if (!letters) return answer(EXIT.ok)
        const why = { reason: options.because, by: options.by }
        const outcomes = await discardAll(tools, letters, why)
        context.stdout.write(
          options.json ? `${JSON.stringify(outcomes.map(outcomeJson))}\n` : outcomeLines(outcomes),
        )
        const isWhole = outcomes.every(({ outcome }) => DONE.has(outcome))
        answer(isWhole ? EXIT.ok : EXIT.partialFailure)
      })
    })
}

const DONE: ReadonlySet<string> = new Set(["discarded", "resolved", "handed-to-relay"])

interface Listing extends Selection {
  readonly state?: (typeof DEAD_LETTER_STATES)[number]
  readonly limit: number
  readonly after?: bigint
  readonly json?: true
}

function withFilters(command: Command): Command {
  return command
    .option("--subject <subject>", "of this subject", parseSubject)
    .option("--reason <code>", "set aside for this reason, such as bad-payload")
    .option("--type <type>", "of this event type")
    .option("--source <source>", "set aside by relay, chain-writer, projector or write-back")
}

function withDoing(command: Command): Command {
  return withFilters(command.argument("[ids...]", "letters, as `list` shows them", parseIds))
    .option("--all", "all that is not settled, as far as the filters say")
    .option("--dry-run", "show what would be done, and do nothing")
    .option("--yes", "needed for more than one letter")
    .option("--json", "print one JSON array")
}

function filterOf({ subject, reason, type, source }: Selection): DeadLetterFilter {
  return {
    ...(subject && { subject }),
    ...(reason && { reason }),
    ...(type && { type }),
    ...(source && { source }),
  }
}

/** Null when there is nothing to do, or it is only to be shown; then that was said. */
async function choose(
  context: CliContext,
  tools: Tools,
  ids: readonly bigint[],
  options: Doing,
  verb: string,
): Promise<readonly DeadLetter[] | null> {
  const filter = filterOf(options)
  if (ids.length === 0 && Object.keys(filter).length === 0 && !options.all) {
    throw new OperatorError("Say which: ids, --subject, --reason, --type, --source, or --all.", EXIT.usage)
  }
  const chosen =
    ids.length > 0
      ? { ...filter, ids }
      : { ...filter, states: verb === "discarded" ? (["open"] as const) : UNSETTLED }
  const letters = await select(tools, chosen, MOST_SELECTED)
  const missing = ids.filter(id => !letters.some(letter => letter.id === id))
  if (missing.length > 0) throw new OperatorError(`No such dead letter: ${missing.join(", ")}.`, EXIT.usage)
  if (options.dryRun || letters.length === 0) {
    const text = options.json
      ? `${JSON.stringify(letters.map(letterJson))}\n`
      : letterTable(letters, context.clock.nowMs())
    context.stdout.write(text)
    if (!options.json) context.stdout.write(`${letters.length} would be ${verb}\n`)
    return null
  }
  if (letters.length > 1 && !options.yes) {
    throw new OperatorError(
      `${letters.length} letters would be ${verb}: add --yes, or --dry-run to see them.`,
      EXIT.usage,
    )
  }
  return letters
}

function isUnsettled(state: string): boolean {
  return (UNSETTLED as readonly string[]).includes(state)
}

function withTools<T>(context: CliContext, use: (tools: Tools) => Promise<T>): Promise<T> {
  const { databaseUrl } = context.config({ contracts: false, servers: ["postgres"] })
  if (databaseUrl === null)
    throw new ConfigurationError("DATABASE_URL is needed: dead letters are kept there.")
  return withDatabase(databaseUrl, async sql => {
    await assertMigrated(sql)
    return use({ deadLetters: createDeadLetters(sql), levers: createDeadLetterLevers(sql) })
  })
}

function parseId(text: string): bigint {
  if (!/^[1-9][0-9]{0,17}$/.test(text)) throw new InvalidArgumentError("a letter's number.")
  return BigInt(text)
}

function parseIds(text: string, before: readonly bigint[] | undefined): readonly bigint[] {
  return [...(before ?? []), parseId(text)]
}

function parseSubject(text: string): Subject {
  const subject = text.toLowerCase()
  if (!isSubject(subject)) throw new InvalidArgumentError("0x and 64 hex digits.")
  return subject
}

function parseLimit(text: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new InvalidArgumentError("a number of letters.")
  return Number(text)
}

function parseSeconds(text: string): number {
  if (!/^[0-9]{1,4}$/.test(text)) throw new InvalidArgumentError("a number of seconds.")
  return Number(text)
}

function parseReason(text: string): string {
  if (text.trim() === "" || text.length > 500)
    throw new InvalidArgumentError("a reason, of at most 500 characters.")
  return text
}
