import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { searchPath, type ToolEnvironment } from "../environment.ts"
import { EmbeddedError } from "../error.ts"

const oldestJava = 17
const remedy =
  "Install one (Debian and Ubuntu: apt-get install openjdk-17-jre-headless maven), " +
  "or set JAVA_HOME to it, or point KAFKA_BROKERS at a Kafka that runs."

/**
 * The `java` to run Kafka with: JAVA_HOME's if that is set, otherwise the first on the PATH.
 * Throws `EmbeddedError` where there is none or it is older than Java 17.
 */
export async function findJava(environment: ToolEnvironment): Promise<string> {
  const java = candidates(environment).find(path => existsSync(path))
  if (java === undefined) {
    const where = environment.JAVA_HOME ? `JAVA_HOME (${environment.JAVA_HOME})` : "JAVA_HOME or the PATH"
    throw new EmbeddedError(
      `Apache Kafka needs Java ${oldestJava} or newer, and there is none in ${where}. ${remedy}`,
    )
  }
  const version = await javaVersion(java)
  if (version < oldestJava) {
    throw new EmbeddedError(
      `Apache Kafka needs Java ${oldestJava} or newer, and ${java} is Java ${version}. ${remedy}`,
    )
  }
  return java
}

/** JAVA_HOME decides alone where it is set: falling back in silence would run another Java than the one asked for. */
function candidates(environment: ToolEnvironment): string[] {
  if (environment.JAVA_HOME) return [join(environment.JAVA_HOME, "bin", "java")]
  return searchPath(environment).map(directory => join(directory, "java"))
}

async function javaVersion(java: string): Promise<number> {
  const failed = new EmbeddedError(`${java} could not be run, and Apache Kafka needs it. ${remedy}`)
  const { stderr, stdout } = await promisify(execFile)(java, ["-version"]).catch(() => {
    throw failed
  })
  // Java 8 and older call themselves 1.8.
  const version = /version "(?:1\.)?(\d+)/.exec(stderr + stdout)?.[1]
  if (version === undefined) throw failed
  return Number(version)
}
