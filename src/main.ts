#!/usr/bin/env node
import { enableCompileCache } from "node:module"
import { fileURLToPath } from "node:url"
import { launcherPid } from "./config.ts"
import { watchParent } from "./runtime/parent.ts"
import { showWarnings } from "./runtime/warnings.ts"

/** argv -> command -> exit code. The only file that exits. */
showWarnings(process.stderr)

const stop = new AbortController()

let interrupts = 0
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    interrupts += 1
    stop.abort(new Error(`stopped by ${name}`))
    if (interrupts > 2) process.exit(130)
  })
}
watchParent(launcherPid(), () => stop.abort(new Error("the process that started this one is gone")))

// Before the rest is loaded: compiled code that is kept halves the time to the first message. Where it cannot be kept,
// nothing changes.
enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/compiled", import.meta.url)))
const { createContext } = await import("./cli/context.ts")
const { runCli } = await import("./cli/program.ts")

const code = await runCli(process.argv.slice(2), createContext(stop.signal))
process.exit(code)
