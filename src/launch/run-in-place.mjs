import { spawn } from "node:child_process"
import { constants } from "node:os"
import { LaunchError } from "./launch-error.mjs"
import { watchNpm } from "./watch-npm.mjs"

const passedOn = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]

/**
 * Runs a command as if it stood in this process's place: same terminal, same signals. Resolves with its exit code,
 * 128 + the signal's number if one ended it.
 *
 * On a terminal the command shares our process group, and the terminal sends Ctrl-C to both of us: passing it on
 * would make two of one. Elsewhere it gets a group of its own, and each signal reaches the group once.
 */
export function runInPlace([command, ...args], environment) {
  const onTerminal = process.stdin.isTTY === true
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env: environment, detached: !onTerminal })
    const passOn = signal => {
      if (onTerminal && (signal === "SIGINT" || signal === "SIGQUIT")) return
      try {
        process.kill(onTerminal ? child.pid : -child.pid, signal)
      } catch {
        // It has just ended by itself.
      }
    }
    for (const signal of passedOn) process.on(signal, passOn)
    const unwatch = watchNpm(() => passOn("SIGTERM"))
    child.once("error", error =>
      reject(new LaunchError(`${command} could not be started: ${error.message}`, 69)),
    )
    child.once("exit", (code, signal) => {
      unwatch()
      for (const name of passedOn) process.off(name, passOn)
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}
