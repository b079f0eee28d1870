import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { RegistryAddresses } from "../../../src/adapters/ethereum/registries.ts"
import type { EventBatch } from "../../../src/bus/consume.ts"
import type { CrashPoint } from "../../../src/chain-writer/crash-points.ts"
import type { LaneWriterOptions } from "../../../src/chain-writer/writer.ts"
import { until } from "../until.ts"
import type { TroublePoint } from "./trouble-steps.ts"

const MAIN = fileURLToPath(new URL("writer-main.ts", import.meta.url))
const START_DEADLINE_MS = 20_000

export type DeathPoint = CrashPoint | TroublePoint

/** What one writer process does, as its only argument. */
export interface WriterTask {
  readonly databaseUrl: string
  readonly nodeUrl: string
  readonly addresses: RegistryAddresses
  readonly keyFile: string
  /** It kills itself with -9 when it first comes to this point. */
  readonly dieAt?: DeathPoint
  /** Accepted before it begins to write. */
  readonly batch?: EventBatch
  readonly options: Pick<LaneWriterOptions, "confirmations" | "maxRecords" | "leaseMs"> &
    Partial<LaneWriterOptions>
}

export interface WriterProcess {
  readonly pid: number
  /** The crash point it died at; null while it lives, or when something else ended it. */
  diedAt(): DeathPoint | null
  started(): Promise<unknown>
  /** Resolves when it has ended, however. */
  readonly exited: Promise<unknown>
  signal(signal: NodeJS.Signals): void
  /** kill -9, and its end. */
  kill(): Promise<void>
  /** Ends in order: its lease is given back. */
  stop(): Promise<void>
}

export function startWriter(task: WriterTask): WriterProcess {
  const argument = JSON.stringify(task, (_key, value) => (typeof value === "bigint" ? `${value}n` : value))
  const child: ChildProcess = spawn(process.execPath, [MAIN, argument], {
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "" },
    // The first one open as long as we live: see writer-main.ts.
    stdio: ["pipe", "pipe", "pipe"],
  })
  let output = ""
  let errors = ""
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text
  })
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-2_000)
  })
  const exited = once(child, "close")

  async function end(signal: NodeJS.Signals): Promise<void> {
    // A stopped process takes no SIGTERM.
    child.kill("SIGCONT")
    child.kill(signal)
    await exited
  }

  return {
    pid: child.pid ?? 0,
    exited,
    diedAt: () => (/^hit (.+)$/m.exec(output)?.[1] ?? null) as DeathPoint | null,
    started: () =>
      until(
        () => {
          if (child.exitCode !== null) throw new Error(`the writer ended before it began: ${errors}`)
          return output.includes("started")
        },
        Boolean,
        START_DEADLINE_MS,
      ),
    signal: signal => void child.kill(signal),
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
  }
}

/** Key files as the service reads them; gone with `remove`. */
export function createKeyFiles() {
  const directory = mkdtempSync(join(tmpdir(), "caregrid-keys-"))
  let files = 0
  return {
    write(privateKey: string): string {
      files += 1
      const path = join(directory, `lane-${files}`)
      writeFileSync(path, `${privateKey}\n`, { mode: 0o600 })
      return path
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
