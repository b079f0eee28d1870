import { type ChildProcessByStdio, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { machineEnvironment, searchPath, type ToolEnvironment } from "./environment.ts"
import type { Footprint, ProcessRole } from "./footprint.ts"

export interface ChildCommand {
  command: string
  args: readonly string[]
  cwd: string
  role: ProcessRole
  /** The user and group it runs as, where that is not the guardian's. */
  account?: { uid: number; gid: number }
  environment?: ToolEnvironment
}

export interface Child {
  pid: number
  /** The last lines of its output: what a message about its failure quotes. */
  tail(): string
  /** Resolves with the first line that matches; with undefined if the process ends before or has to go. */
  line(pattern: RegExp): Promise<RegExpExecArray | undefined>
  /** Resolves with the exit code, or null if a signal ended it. */
  exited: Promise<number | null>
}

const keptLines = 40

/** Starts a process that dies with the guardian, and records it. Throws if the program cannot be executed. */
export async function startChild(footprint: Footprint, spec: ChildCommand): Promise<Child> {
  footprint.signal.throwIfAborted()
  const [command, ...args] = [...leash(spec.role), spec.command, ...spec.args]
  const child = spawn(command as string, args, {
    cwd: spec.cwd,
    detached: spec.role === "group",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...(spec.environment ?? machineEnvironment) },
    ...spec.account,
  })
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", resolve)
  })
  if (child.pid === undefined) await exited
  const pid = child.pid as number
  footprint.add(pid, spec.role)
  exited.catch(() => undefined)
  return { pid, exited, ...readLines(child, exited, footprint.signal) }
}

/** Runs a process to its end. Throws if it cannot be executed; the caller judges the exit code. */
export async function runChild(
  footprint: Footprint,
  spec: ChildCommand,
): Promise<{ exitCode: number | null; tail: string }> {
  const child = await startChild(footprint, spec)
  return { exitCode: await child.exited, tail: child.tail() }
}

function readLines(
  child: ChildProcessByStdio<null, Readable, Readable>,
  exited: Promise<unknown>,
  signal: AbortSignal,
): Pick<Child, "tail" | "line"> {
  const lines: string[] = []
  const watchers = new Set<(line: string) => void>()
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ""
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n")
      rest = parts.pop() ?? ""
      for (const part of parts) {
        lines.push(part)
        if (lines.length > keptLines) lines.shift()
        for (const watch of watchers) watch(part)
      }
    })
  }
  const line: Child["line"] = pattern =>
    new Promise(resolve => {
      const finish = (match: RegExpExecArray | undefined): void => {
        watchers.delete(watch)
        signal.removeEventListener("abort", stop)
        resolve(match)
      }
      const stop = (): void => finish(undefined)
      const watch = (text: string): void => {
        const match = pattern.exec(text)
        if (match !== null) finish(match)
      }
      watchers.add(watch)
      signal.addEventListener("abort", stop)
      exited.then(stop, stop)
      for (const earlier of [...lines]) watch(earlier)
      if (signal.aborted) stop()
    })
  return { tail: () => lines.join("\n").trim(), line }
}

/**
 * Lets the kernel end a service the moment its guardian dies, however it dies. `setpriv` is part of util-linux;
 * without it the guardian's parent, or the next start, clears up instead.
 */
function leash(role: ProcessRole): string[] {
  const setpriv = searchPath(machineEnvironment)
    .map(directory => join(directory, "setpriv"))
    .find(path => existsSync(path))
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", role === "postgres" ? "QUIT" : "KILL", "--"]
}
