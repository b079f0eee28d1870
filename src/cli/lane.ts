import { InvalidArgumentError } from "commander"
import { createLaneLevers } from "../adapters/postgres/chain-writer/lane-levers.ts"
import { assertMigrated } from "../adapters/postgres/check.ts"
import type { LaneLevers, LaneStatus } from "../chain-writer/lane-levers.ts"
import type { Hex } from "../chain-writer/ports.ts"
import { withDatabase } from "../infrastructure.ts"
import { ConfigurationError, EXIT } from "../runtime/errors.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"

export const addLane: AddCommand = (program, context, answer) => {
  const lane = program
    .command("lane")
    .description("Shows the signing accounts, and stops, empties or resumes one while the service runs.")
    .addHelpText(
      "after",
      `
Rotating a key: put the new key file into the directory that BLOCKCHAIN_PRIVATE_KEY_FILE names and grant its account
WRITER_ROLE; \`lane drain\` the old account; when \`lane list\` shows 0 open, remove its file and revoke its role.

Examples:
  reconciler lane list
  reconciler lane resume 0x70997970c51812dc3a010c7d01b50e0d17dc79c8`,
    )

  lane
    .command("list")
    .description("Each account with its holder, next nonce, open transactions, and what it waits for.")
    .option("--json", "print one JSON array")
    .action(async ({ json = false }: { json?: boolean }) => {
      const lanes = await withLevers(context, levers => levers.list())
      context.stdout.write(json ? `${JSON.stringify(lanes)}\n` : laneTable(lanes))
      answer(lanes.some(({ halted }) => halted !== null) ? EXIT.partialFailure : EXIT.ok)
    })

  const pull = (
    name: string,
    description: string,
    done: string,
    use: (levers: LaneLevers, address: Hex) => Promise<boolean>,
  ) =>
    lane
      .command(name)
      .description(description)
      .argument("<address>", "the account: 0x and 40 hex digits", parseAddress)
      .action(async (address: Hex) => {
        if (!(await withLevers(context, levers => use(levers, address)))) {
          throw new ConfigurationError(
            `No lane ${address} has ever run: \`reconciler lane list\` shows those that have.`,
          )
        }
        context.stdout.write(`lane ${address} ${done}\n`)
        answer(EXIT.ok)
      })

  pull(
    "resume",
    "Lets a halted lane begin again, when you have seen why: after a deep reorganisation, or a key used by others.",
    "resumed; it halts again if what halted it is not over",
    (levers, address) => levers.resume(address),
  )
  pull(
    "drain",
    "Nothing new is begun; what is open is finished. For taking an account out of use.",
    "drains; `reconciler lane list` shows what is still open",
    (levers, address) => levers.setDraining(address, true),
  )
  pull("add", "Puts a drained lane to work again.", "works again", (levers, address) =>
    levers.setDraining(address, false),
  )
}

function withLevers<T>(context: CliContext, use: (levers: LaneLevers) => Promise<T>): Promise<T> {
  const { databaseUrl } = context.config({ contracts: false, servers: ["postgres"] })
  if (databaseUrl === null) throw new ConfigurationError("DATABASE_URL is needed: lanes are kept there.")
  return withDatabase(databaseUrl, async sql => {
    await assertMigrated(sql)
    return use(createLaneLevers(sql))
  })
}

function parseAddress(text: string): Hex {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError("0x and 40 hex digits.")
  return `0x${text.slice(2).toLowerCase()}`
}

function laneTable(lanes: readonly LaneStatus[]): string {
  const rows = lanes.map(({ address, holder, nextNonce, openTransactions, draining, halted, findings }) => {
    const state = halted !== null ? "halted" : draining ? "draining" : holder === null ? "idle" : "working"
    const numbers = [String(nextNonce).padStart(10), String(openTransactions).padStart(6)].join(" ")
    return `${address} ${state.padEnd(9)} ${numbers}  ${findings.join(", ") || "-"}`
  })
  const head = `${"lane".padEnd(42)} ${"state".padEnd(9)} ${"next nonce".padStart(10)} ${"open".padStart(6)}  findings`
  return `${[head, ...rows].join("\n")}\n`
}
