import { spawn } from "node:child_process"
import { constants } from "node:os"
import { fileURLToPath } from "node:url"
import { isInstalled } from "./installation.mjs"
import { LaunchError } from "./launch-error.mjs"

const installer = fileURLToPath(new URL("./installer.mjs", import.meta.url))

/** Installs the packages if they are not what package-lock.json says. Throws LaunchError if that fails. */
export async function ensureInstalled() {
  if (isInstalled()) return
  const code = await runInstaller()
  // It has said why on stderr already.
  if (code !== 0) throw new LaunchError("", code)
}

/**
 * The installer is a process of its own and holds our pipe as its stdin: when this process ends, by kill -9 too,
 * it ends npm and gives up the lock. Otherwise the next launcher would install into the same directory beside it.
 */
function runInstaller() {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [installer], {
      detached: true,
      stdio: ["pipe", "ignore", "inherit"],
    })
    let stoppedBy
    const stop = signal => {
      stoppedBy = signal
      child.stdin.end()
    }
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop)
    child.once("error", reject)
    child.once("exit", code => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, stop)
      resolve(stoppedBy === undefined ? (code ?? 69) : 128 + constants.signals[stoppedBy])
    })
  })
}
