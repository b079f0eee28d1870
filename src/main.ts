#!/usr/bin/env node
import { createContext } from "./cli/context.ts"
import { runCli } from "./cli/program.ts"
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

const code = await runCli(process.argv.slice(2), createContext(stop.signal))
process.exit(code)
