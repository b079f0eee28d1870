import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

export interface BenchProcess {
  readonly pid: number
  /** Stops it in its tracks, and lets it go on: a backlog can be filled under a process that is warm. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** As the launcher starts it. */
const NODE_FLAGS = ["--max-semi-space-size=4", "--heap-growing-percent=120"]

/** The relay as it runs in production, alone in its process. */
export function startRelay(environment: Readonly<Record<string, string>>): BenchProcess {
  const { RELAY_NODE_FLAGS: flags = "", ...rest } = environment
  const child = spawn(
    process.execPath,
    [...NODE_FLAGS, ...flags.split(" ").filter(Boolean), MAIN, "run", "--roles", "relay"],
    {
      env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", LOG_LEVEL: "warn", ...rest },
      stdio: ["ignore", "ignore", "inherit"],
    },
  )
  return benchProcess(child)
}

export function benchProcess(child: ChildProcess): BenchProcess {
  const { pid } = child
  if (pid === undefined) throw new Error("the process did not start")
  let stopping = false
  child.once("exit", code => {
    if (!stopping) throw new Error(`the measured process ended by itself with code ${code}`)
  })
  return {
    pid,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      stopping = true
      child.kill("SIGCONT")
      const exited = once(child, "exit")
      child.kill("SIGTERM")
      await exited
    },
  }
}
