import { type ChildProcess, execFile, spawn } from "node:child_process"
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import postgres from "postgres"
import { freePort } from "../../src/embedded/ports.ts"
import { until } from "./until.ts"

const run = promisify(execFile)
const START_DEADLINE_MS = 30_000
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  max_prepared_transactions: "20",
  shared_buffers: "64MB",
  jit: "off",
}

/** A server of a test's own, to be crashed, started again and copied. */
export interface PostgresCluster {
  readonly url: string
  /** kill -9 of the server and all its sessions: what was not flushed is gone. */
  crash(): Promise<void>
  start(): Promise<void>
  /** A copy of the files as they are, as another cluster that is not started. The server must not run. */
  copy(): PostgresCluster
  /** A copy as above, to be started at this server's address in its place. */
  standby(): PostgresCluster
  /** Ends the server and deletes its files. */
  remove(): Promise<void>
}

/** Makes a cluster, not yet started. `binaries` is a directory with `bin/initdb` and `bin/postgres`. */
export async function createPostgresCluster(binaries: string): Promise<PostgresCluster> {
  const account = process.getuid?.() === 0 ? unprivilegedAccount() : undefined
  const directory = mkdtempSync(join(tmpdir(), "caregrid-cluster-"))
  chmodSync(directory, 0o711)
  const data = join(directory, "data")
  mkdirSync(data, { mode: 0o700 })
  if (account) chownSync(data, account.uid, account.gid)
  const login = ["--username=postgres", "--auth=trust"]
  await run(
    join(binaries, "bin/initdb"),
    [`--pgdata=${data}`, "--encoding=UTF8", "--no-locale", "--no-sync", ...login],
    { cwd: directory, ...account },
  )
  return clusterIn(directory, binaries, account)
}

function clusterIn(
  directory: string,
  binaries: string,
  account: { uid: number; gid: number } | undefined,
  port = 0,
): PostgresCluster {
  const data = join(directory, "data")
  let server: ChildProcess | undefined

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = server
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const pids = signal === "SIGKILL" ? sessionsOf(child.pid ?? 0) : []
    const gone = new Promise(resolve => child.once("exit", resolve))
    for (const pid of [child.pid ?? 0, ...pids]) kill(pid, signal)
    await gone
    // A session that outlives its postmaster keeps the shared memory, and the next start refuses.
    await until(
      () => pids.filter(isAlive).length,
      left => left === 0,
    )
    server = undefined
  }

  function copyTo(otherPort: number): PostgresCluster {
    const target = mkdtempSync(join(tmpdir(), "caregrid-cluster-"))
    chmodSync(target, 0o711)
    cpSync(data, join(target, "data"), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    })
    rmSync(join(target, "data/postmaster.pid"), { force: true })
    // A directory that others may read is one that PostgreSQL refuses.
    chmodSync(join(target, "data"), 0o700)
    own(join(target, "data"), account)
    return clusterIn(target, binaries, account, otherPort)
  }

  const cluster: PostgresCluster = {
    get url() {
      return `postgres://postgres@127.0.0.1:${port}/postgres`
    },
    async start() {
      port ||= await freePort()
      const settings = Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => [
        "-c",
        `${name}=${value}`,
      ])
      const [command = "", ...args] = [...leash(), join(binaries, "bin/postgres"), "-D", data, ...settings]
      server = spawn(command, args, { cwd: directory, stdio: "ignore", ...account })
      await until(
        () => answers(cluster.url),
        yes => yes,
        START_DEADLINE_MS,
      )
    },
    crash: () => end("SIGKILL"),
    copy: () => copyTo(0),
    standby: () => copyTo(port),
    async remove() {
      await end("SIGQUIT")
      rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
  return cluster
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} })
  try {
    await sql`select 1`
    return true
  } catch {
    return false
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** PostgreSQL refuses to run as root. */
function unprivilegedAccount(): { uid: number; gid: number } {
  const accounts = readFileSync("/etc/passwd", "utf8").split("\n")
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = accounts.find(line => line.startsWith(`${name}:`))?.split(":") ?? []
    if (uid) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error("neither an account postgres nor one nobody to run PostgreSQL as")
}

function own(directory: string, account: { uid: number; gid: number } | undefined): void {
  if (!account) return
  for (const name of [".", ...readdirSync(directory, { recursive: true, encoding: "utf8" })]) {
    chownSync(join(directory, name), account.uid, account.gid)
  }
}

/** A test run that is killed must not leave a server behind. */
function leash(): readonly string[] {
  const setpriv = "/usr/bin/setpriv"
  return existsSync(setpriv) ? [setpriv, "--pdeathsig", "QUIT", "--"] : []
}

function sessionsOf(postmaster: number): number[] {
  return readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8")
    .split(" ")
    .filter(text => text !== "")
    .map(Number)
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
  } catch {
    return false
  }
}
