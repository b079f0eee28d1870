import { Command, CommanderError } from "commander"
import { EXIT, OperatorError } from "../runtime/errors.ts"
import { addCapture } from "./capture.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"
import { addDeadLetters } from "./dead-letters.ts"
import { addDemo } from "./demo.ts"
import { addDeploy } from "./deploy.ts"
import { addLane } from "./lane.ts"
import { addLog } from "./log.ts"
import { addMigrate } from "./migrate.ts"
import { addRun } from "./run.ts"
import { addStatus } from "./status.ts"

const commands: readonly AddCommand[] = [
  addRun,
  addMigrate,
  addDeploy,
  addStatus,
  addLog,
  addDeadLetters,
  addDemo,
  addLane,
  addCapture,
]

/** Runs one command line and gives its exit code; errors that a person can mend are one message without a stack trace. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let code: number = EXIT.ok
  const program = new Command("reconciler")
    .description("Publishes the Postgres outbox to Kafka and puts each operation on the chain exactly once.")
    .version("0.1.0")
    .showHelpAfterError("(add --help for the options)")
    .exitOverride()
    .configureOutput({
      writeOut: text => context.stdout.write(text),
      writeErr: text => context.stderr.write(text),
    })
  for (const add of commands) {
    add(program, context, given => {
      code = given
    })
  }
  for (const command of program.commands) {
    command.exitOverride().copyInheritedSettings(program)
    for (const sub of command.commands) sub.exitOverride().copyInheritedSettings(program)
  }
  try {
    await program.parseAsync(argv, { from: "user" })
    return code
  } catch (error) {
    return explain(error, context)
  }
}

function explain(error: unknown, context: CliContext): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (context.signal.aborted && isAbort(error, context.signal)) {
    context.stderr.write("reconciler: stopped before it was done\n")
    return EXIT.tryAgain
  }
  if (error instanceof OperatorError) {
    context.stderr.write(`reconciler: ${error.message}\n`)
    return error.exitCode
  }
  context.stderr.write(`reconciler: this is a defect, please report it: ${defect(error)}\n`)
  return EXIT.completeFailure
}

/** ethers' full messages hold transactions and endpoints; its short ones do not. */
function defect(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const message = "shortMessage" in error ? String(error.shortMessage) : error.message
  const frames = error.stack?.split("\n").filter(line => line.startsWith("    at ")) ?? []
  const cause = error.cause === undefined ? [] : [`caused by ${defect(error.cause)}`]
  return [`${error.name}: ${message}`, ...frames, ...cause].join("\n")
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError")
}
