import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { freePort } from "../../../src/embedded/ports.ts"
import { unprivilegedAccount, usableBinaries } from "../../../src/embedded/postgres.ts"
import { type LeashedProcess, startLeashed } from "./leash.ts"

/** A real PostgreSQL of a test's own, which may be stopped as by a crash and started again on the same port and data. */
export interface PrivatePostgres {
  readonly port: number
  readonly password: string
  /** Of the superuser `postgres`, to the database `postgres`. */
  readonly url: string
  /** Where its files are: certificates for it go here. */
  readonly dataDirectory: string
  start(): Promise<void>
  /** An immediate shutdown: no checkpoint, every session is cut. */
  crash(): Promise<void>
  close(): Promise<void>
}

/** Started and ready. `settings` are given to the server; `prepare` may put files into its data directory before. */
export async function startPrivatePostgres(
  options: {
    readonly settings?: Readonly<Record<string, string>>
    readonly prepare?: (dataDirectory: string, account: { uid: number; gid: number } | null) => Promise<void>
  } = {},
): Promise<PrivatePostgres> {
  const directory = await mkdtemp(join(tmpdir(), "reconciler-postgres-"))
  const account = process.getuid?.() === 0 ? unprivilegedAccount() : null
  if (account) await chown(directory, account.uid, account.gid)
  const binaries = await usableBinaries(directory, account ?? undefined)
  const dataDirectory = join(directory, "data")
  const password = randomBytes(12).toString("hex")
  const passwordFile = join(directory, "password")
  await writeFile(passwordFile, password)
  const run = { cwd: directory, ...account }
  const cluster = ["--username=postgres", `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--no-sync"]
  await promisify(execFile)(join(binaries, "bin", "initdb"), [`--pgdata=${dataDirectory}`, ...cluster], run)
  await options.prepare?.(dataDirectory, account)
  const port = await freePort()
  const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "", port, ...options.settings }
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  let server: LeashedProcess | null = null
  const self: PrivatePostgres = {
    port,
    password,
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    dataDirectory,
    async start() {
      server = startLeashed(join(binaries, "bin", "postgres"), ["-D", dataDirectory, ...flags], run)
      await server.said(/ready to accept connections/)
    },
    async crash() {
      await server?.end("SIGQUIT")
    },
    async close() {
      await self.crash()
      await rm(directory, { recursive: true, force: true })
    },
  }
  try {
    await self.start()
  } catch (error) {
    await self.close()
    throw error
  }
  return self
}
