import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Role } from "../../src/settings.ts"
import { until } from "./until.ts"

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const KEPT_OUTPUT = 4_000
const WORKING_DEADLINE_MS = 30_000

/** What each role logs when it has what it needs: a standby that is killed proves nothing. */
const WORKING: Readonly<Record<Role, string>> = {
  relay: "relay active",
  "chain-writer": "lane leased",
  projector: '"running"',
  "write-back": '"running"',
}

/** One role in a process of its own, started anew whenever it was killed. */
export interface RoleProcess {
  readonly role: Role
  /** Resolves when the process, since its last start, has logged that it does its work. */
  working(): Promise<unknown>
  /** kill -9, wait for its end, start it again. */
  killAndRestart(): Promise<void>
  /** Ends it in order. Resolves with its exit code. */
  stop(): Promise<number | null>
  /** The end of what it wrote, for a failure's message. */
  output(): string
}

export function startRoleProcess(role: Role, environment: Readonly<Record<string, string>>): RoleProcess {
  let output = ""
  let works = false
  let child = start()

  function start(): ChildProcess {
    const started = spawn(process.execPath, [MAIN, "run", "--roles", role], {
      env: {
        PATH: process.env.PATH ?? "",
        HOME: process.env.HOME ?? "",
        // It ends with us, also when the test run is killed with -9.
        RECONCILER_PARENT_PID: String(process.pid),
        ...environment,
        LOG_LEVEL: "info",
      },
      stdio: ["ignore", "ignore", "pipe"],
    })
    works = false
    started.stderr?.setEncoding("utf8").on("data", (text: string) => {
      works ||= started === child && text.includes(WORKING[role])
      output = (output + text).slice(-KEPT_OUTPUT)
    })
    return started
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const exited = once(child, "exit")
    child.kill(signal)
    await exited
    return child.exitCode
  }

  return {
    role,
    working: () => until(() => works, Boolean, WORKING_DEADLINE_MS),
    async killAndRestart() {
      await end("SIGKILL")
      child = start()
    },
    stop: () => end("SIGTERM"),
    output: () => output,
  }
}
