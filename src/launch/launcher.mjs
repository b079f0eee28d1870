import { readFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { ensureInstalled } from "./ensure-installed.mjs"
import { LaunchError, reportingErrors } from "./launch-error.mjs"
import { findNode24 } from "./node24.mjs"
import { root } from "./project.mjs"
import { runInPlace } from "./run-in-place.mjs"

/** Installs what is missing, runs the command under Node 24 and takes over its exit code. */
export function launch(argv) {
  return reportingErrors(async () => {
    await ensureInstalled()
    const node = findNode24()
    const path = [join(root, "node_modules", ".bin"), dirname(node), process.env.PATH].join(delimiter)
    // A service looks at this now and then: after a kill -9 of the launcher nobody is left to stop it.
    const environment = { ...process.env, PATH: path, RECONCILER_PARENT_PID: String(process.pid) }
    return runInPlace(commandLine(node, argv), environment)
  })
}

/**
 * A batch of events is garbage soon: with more room for new objects the relay takes twice the memory for nothing. And the
 * heap is collected when it has grown by 120 %, not by three times what lives: the pages would be kept.
 */
const NODE_FLAGS = ["--max-semi-space-size=4", "--heap-growing-percent=120"]

function commandLine(node, [command, ...args]) {
  const main = [node, ...NODE_FLAGS, join(root, "src", "main.ts")]
  if (command === undefined) return main
  if (!command.startsWith("npm:")) return [...main, command, ...args]
  const name = command.slice("npm:".length)
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const script = scripts[name]
  if (script === undefined) throw new LaunchError(`There is no script ${name} in package.json.`, 64)
  // As npm runs it, but without npm between us and the script: signals and exit codes pass through it unreliably.
  return ["sh", "-c", `${script} "$@"`, name, ...args]
}
