import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { findJava } from "../../../src/embedded/kafka/java.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "java-test-"))
})
afterEach(() => rmSync(home, { recursive: true }))

/** A program that says it is this version, as `java -version` does: on stderr. */
function javaThatSays(version: string, directory: string): string {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, "java")
  writeFileSync(path, `#!/bin/sh\necho 'openjdk version "${version}" 2025-01-01' >&2\n`)
  chmodSync(path, 0o755)
  return path
}

describe("findJava", () => {
  it("takes the first java on the PATH", async () => {
    const java = javaThatSays("21.0.1", join(home, "second"))
    expect(await findJava({ PATH: `${join(home, "first")}:${join(home, "second")}` })).toBe(java)
  })

  it("prefers JAVA_HOME, and does not fall back in silence when that has none", async () => {
    javaThatSays("21.0.1", join(home, "path"))
    const PATH = join(home, "path")
    const java = javaThatSays("17.0.15", join(home, "jdk", "bin"))
    expect(await findJava({ PATH, JAVA_HOME: join(home, "jdk") })).toBe(java)
    await expect(findJava({ PATH, JAVA_HOME: join(home, "elsewhere") })).rejects.toMatchObject({
      name: "EmbeddedError",
      exitCode: 69,
      message: expect.stringMatching(/none in JAVA_HOME \(.*elsewhere\)\. Install one/),
    })
  })

  it.each(["11.0.2", "1.8.0_402"])("refuses Java %s", async version => {
    javaThatSays(version, home)
    const major = version.startsWith("1.8") ? 8 : 11
    await expect(findJava({ PATH: home })).rejects.toThrow(new RegExp(`is Java ${major}\\. Install one`))
  })

  it("says so when java cannot be run", async () => {
    writeFileSync(join(home, "java"), "")
    await expect(findJava({ PATH: home })).rejects.toThrow(/could not be run/)
  })
})
