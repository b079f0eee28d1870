import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { withExclusive } from "../../launch/exclusive.mjs"
import { runChild } from "../child.ts"
import { cacheDirectory, searchPath, type ToolEnvironment } from "../environment.ts"
import { EmbeddedError } from "../error.ts"
import type { Footprint } from "../footprint.ts"

const pom = fileURLToPath(new URL("./pom.xml", import.meta.url))
const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

/** Where Kafka's jar files are, or will be once they are fetched. The same pom.xml has them fetched once a user. */
export function librariesDirectory(environment: ToolEnvironment): string {
  const hash = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12)
  return join(cacheDirectory(environment), `kafka-${hash}`)
}

/**
 * Fetches Kafka's jar files from Maven Central into `directory`, unless they are there.
 * The directory appears whole or not at all, and a second process waits for the first.
 */
export async function fetchLibraries(
  footprint: Footprint,
  directory: string,
  environment: ToolEnvironment,
): Promise<void> {
  await withExclusive(directory, async () => {
    if (existsSync(directory)) return
    const maven = findMaven(environment)
    const partial = `${directory}.partial`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(dirname(directory), { recursive: true })
    const args = ["-q", "-B", "-Dstyle.color=never", "-f", pom, goal, `-DoutputDirectory=${partial}`]
    const cwd = footprint.directory
    const { exitCode, tail } = await runChild(footprint, {
      command: maven,
      args,
      cwd,
      role: "group",
      environment,
    })
    if (exitCode !== 0) throw new EmbeddedError(fetchFailed(tail))
    renameSync(partial, directory)
  })
}

function findMaven(environment: ToolEnvironment): string {
  const maven = searchPath(environment)
    .map(directory => join(directory, "mvn"))
    .find(path => existsSync(path))
  if (maven !== undefined) return maven
  throw new EmbeddedError(
    "Fetching Apache Kafka needs Maven, and there is no mvn on the PATH. Install it (Debian and Ubuntu: " +
      "apt-get install maven), or point KAFKA_BROKERS at a Kafka that runs.",
  )
}

function fetchFailed(tail: string): string {
  const reason = /\[ERROR\] \S.*/.exec(tail)?.[0] ?? ""
  return (
    "Maven could not fetch Apache Kafka. Check that Maven Central can be reached (a proxy or mirror belongs into " +
    `~/.m2/settings.xml) and try again, or point KAFKA_BROKERS at a Kafka that runs.\n${reason}`
  )
}
