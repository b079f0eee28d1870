import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"

const SETPRIV = "/usr/bin/setpriv"
const KEPT_OUTPUT = 4_000

export interface LeashedProcess {
  readonly pid: number
  /** Resolves when its output has this; rejects if it ends before. */
  said(pattern: RegExp): Promise<void>
  signal(name: NodeJS.Signals): void
  /** Sends the signal and waits for the end. */
  end(name: NodeJS.Signals): Promise<void>
}

/** A server of a test's own: it goes with the test run, also if that is killed. */
export function startLeashed(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd: string
    readonly uid?: number
    readonly gid?: number
    /** Where shared libraries are looked for first. */
    readonly libraries?: string | undefined
  },
): LeashedProcess {
  const leash = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL", "--"] : []
  const [program = command, ...rest] = [...leash, command, ...args]
  const { libraries, ...run } = options
  const child = spawn(program, rest, {
    ...run,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      ...(libraries && { LD_LIBRARY_PATH: libraries }),
    },
  })
  const output = keepOutput(child)
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  return {
    pid: child.pid ?? -1,
    said: pattern =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (pattern.test(output())) resolve()
        }
        for (const stream of [child.stdout, child.stderr]) stream.on("data", look)
        child.once("error", reject)
        child.once("close", () => reject(new Error(`${command} ended: ${output()}`)))
        look()
      }),
    signal: name => void child.kill(name),
    async end(name) {
      if (isOver()) return
      const ended = once(child, "exit")
      child.kill(name)
      await ended
    },
  }
}

function keepOutput(child: ChildProcess): () => string {
  let kept = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      kept = (kept + text).slice(-KEPT_OUTPUT)
    })
  }
  return () => kept
}
