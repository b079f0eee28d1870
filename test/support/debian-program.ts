import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { cacheDirectory, machineEnvironment, searchPath } from "../../src/embedded/environment.ts"
import { withExclusive } from "../../src/launch/exclusive.mjs"

export interface DebianProgram {
  readonly program: string
  /** LD_LIBRARY_PATH; undefined for one that is installed. */
  readonly libraries: string | undefined
}

/** The machine's own, or Debian's packages unpacked into the cache: needs no rights, nothing is installed. */
export async function debianProgram(
  name: string,
  options: { readonly path: string; readonly packages: readonly string[] },
): Promise<DebianProgram> {
  const installed = [...searchPath(machineEnvironment), "/usr/sbin"]
    .map(directory => join(directory, name))
    .find(path => existsSync(path))
  if (installed) return { program: installed, libraries: undefined }
  const directory = join(cacheDirectory(machineEnvironment), name)
  await withExclusive(directory, async () => {
    if (!existsSync(directory)) unpack(name, directory, options.packages)
  })
  const libraries = readdirSync(join(directory, "usr/lib"))
    .map(folder => join(directory, "usr/lib", folder))
    .join(":")
  return { program: join(directory, options.path), libraries }
}

/** Appears whole or not at all. */
function unpack(name: string, directory: string, packages: readonly string[]): void {
  const partial = `${directory}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  try {
    execFileSync("apt-get", ["-q", "download", ...packages], { cwd: partial, stdio: "pipe" })
  } catch (error) {
    throw new Error(
      `These tests need ${name}: install it (Debian and Ubuntu: apt-get install ${packages[0]})`,
      {
        cause: error,
      },
    )
  }
  for (const file of readdirSync(partial).filter(found => found.endsWith(".deb"))) {
    execFileSync("dpkg-deb", ["-x", file, "."], { cwd: partial, stdio: "pipe" })
    rmSync(join(partial, file))
  }
  renameSync(partial, directory)
}
