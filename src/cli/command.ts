import type { Command } from "commander"
import type { CliContext } from "./context.ts"

/** A command's registration: one file each. `answer` hands the exit code back, since nothing but main.ts exits. */
export type AddCommand = (program: Command, context: CliContext, answer: (code: number) => void) => void
