import { chmod, chown, copyFile, cp, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../../src/embedded/ports.ts"
import { unprivilegedAccount } from "../../src/embedded/postgres.ts"
import { debianProgram } from "./debian-program.ts"
import { startLeashed } from "./faults/leash.ts"

export interface Pooler {
  /** Of the same database through the pooler; it takes no named statements. */
  readonly url: string
  close(): Promise<void>
}

/** A real PgBouncer in transaction mode, which gives each transaction the next of four sessions in turn. */
export async function startPooler(databaseUrl: string): Promise<Pooler> {
  const { program, libraries } = await debianProgram("pgbouncer", {
    path: "usr/sbin/pgbouncer",
    packages: ["pgbouncer", "libc-ares2", "libevent-2.1-7"],
  })
  const directory = await mkdtemp(join(tmpdir(), "pgbouncer-"))
  const target = new URL(databaseUrl)
  const port = await freePort()
  const own = join(directory, "pgbouncer")
  const ownLibraries = libraries?.split(":").map((_, index) => join(directory, `lib${index}`))
  const settings = join(directory, "pgbouncer.ini")
  await copyFile(program, own)
  for (const [index, folder] of (libraries?.split(":") ?? []).entries()) {
    await cp(folder, join(directory, `lib${index}`), { recursive: true, dereference: true })
  }
  await chmod(own, 0o755)
  const login = `user=${decodeURIComponent(target.username)} password=${decodeURIComponent(target.password)}`
  await writeFile(
    settings,
    `[databases]
* = host=${target.hostname} port=${target.port} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
server_round_robin = 1
`,
  )
  // It does not run as root, and who it runs as cannot read below root's home.
  const account = process.getuid?.() === 0 ? unprivilegedAccount() : null
  if (account) for (const path of [directory, own, settings]) await chown(path, account.uid, account.gid)
  const process_ = startLeashed(own, [settings], {
    cwd: directory,
    ...account,
    libraries: ownLibraries?.join(":"),
  })
  await process_.said(/process up/)
  const url = new URL(databaseUrl)
  url.port = String(port)
  url.searchParams.set("prepare", "false")
  return {
    url: url.href,
    async close() {
      await process_.end("SIGKILL")
      await rm(directory, { recursive: true, force: true })
    },
  }
}
