import { execFile, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"

/** The examples of docs/append.md as they stand there. */

const run = promisify(execFile)
const root = join(import.meta.dirname, "../../..")
const page = await readFile(join(root, "docs/append.md"), "utf8")
const INSTALL_DEADLINE_MS = 90_000
const RUN_DEADLINE_MS = 30_000

function example(name: string): string {
  const block = new RegExp(`^\`\`\`\\w+ example=${name}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(page)?.[1]
  if (!block) throw new Error(`docs/append.md has no example ${name}`)
  return block
}

/** Why Python's examples cannot run here; undefined when they can. The libraries go into a directory of the test. */
function whyNoPython(packages: string): string | undefined {
  const version = spawnSync("python3", ["--version"], { stdio: "ignore" })
  if (version.status !== 0) return "no python3"
  const missing = spawnSync("python3", ["-c", "import psycopg, django"], { stdio: "ignore" }).status !== 0
  if (!missing) return undefined
  const install = [
    "-m",
    "pip",
    "install",
    "-q",
    "--target",
    packages,
    "psycopg[binary]==3.*",
    "django==5.2.*",
  ]
  const installed = spawnSync("python3", install, { encoding: "utf8", timeout: INSTALL_DEADLINE_MS })
  if (installed.status === 0) return undefined
  return `psycopg and Django are not there and cannot be installed: ${installed.stderr?.trim().split("\n").at(-1)}`
}

const directory = mkdtempSync(join(tmpdir(), "caregrid-examples-"))
const packages = join(directory, "packages")
const reason = whyNoPython(packages)
if (reason) process.stderr.write(`[append examples] Python skipped: ${reason}\n`)

function environment(database: TestDatabase) {
  return { ...process.env, DATABASE_URL: database.url, PYTHONPATH: `${packages}:${directory}` }
}

async function python(database: TestDatabase, name: string, source: string): Promise<string> {
  writeFileSync(join(directory, name), source)
  const options = { cwd: directory, env: environment(database), timeout: RUN_DEADLINE_MS }
  return (await run("python3", [name], options)).stdout
}

/** Beside the tests, so that the package's own name is found as in an app that has it. */
async function typescript(database: TestDatabase, source: string): Promise<string> {
  const place = mkdtempSync(join(import.meta.dirname, ".append-"))
  try {
    writeFileSync(join(place, "example.ts"), source)
    const options = { cwd: place, env: environment(database), timeout: RUN_DEADLINE_MS }
    return (await run(process.execPath, ["example.ts"], options)).stdout
  } finally {
    rmSync(place, { recursive: true })
  }
}

async function writtenTypes({ sql }: TestDatabase): Promise<readonly string[]> {
  const rows = await sql<{ type: string }[]>`select type from reconciler.outbox order by seq`
  return rows.map(row => row.type)
}

describe("the examples of docs/append.md", () => {
  let database: TestDatabase
  beforeAll(() => expect(page.match(/^```\w+ example=/gm)).toHaveLength(6))
  beforeEach(async () => {
    database = await createTestDatabase()
    return () => database.drop()
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it("append once by psql, however often they are run", async () => {
    const source = example("psql")
    const psql = spawnSync("psql", ["--version"], { stdio: "ignore" }).status === 0
    for (const _ of [1, 2]) {
      if (psql) await run("psql", [database.url, "--set=ON_ERROR_STOP=1", "--command", source])
      else await database.sql.begin(tx => tx.unsafe(source.replace(/^(begin|commit);$/gm, "")))
    }
    expect(await writtenTypes(database)).toEqual(["block-ip.requested"])
    const [event] = await database.sql`select traceparent from reconciler.outbox`
    expect(event?.traceparent).toBe("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
  })

  it("append once and in a batch with postgres.js", async () => {
    const stdout = await typescript(database, example("postgres-js"))
    expect(stdout).toBe("appended already-appended\nappended appended\n")
    expect(await writtenTypes(database)).toHaveLength(3)
  })

  it("append once with drizzle, and name the fault of a request that breaks the rules", async () => {
    const stdout = await typescript(database, example("drizzle"))
    expect(stdout).toMatch(/^appended\nevent refused: payload\.severity: .+\n$/)
    expect(await writtenTypes(database)).toEqual(["add-attack-signature.requested"])
  })

  it.skipIf(reason)("refuse one and append a batch with psycopg", async () => {
    const stdout = await python(database, "example.py", example("psycopg"))
    expect(stdout).toMatch(/^RC001 payload: .+\n0 appended\n1 appended\n$/)
    expect(await writtenTypes(database)).toEqual(["unblock-ip.requested", "block-ip.requested"])
  })

  it.skipIf(reason)(
    "append with a row of a Django app, once, and neither when it is rolled back",
    async () => {
      const app = join(directory, "firewall")
      mkdirSync(app)
      cpSync(join(import.meta.dirname, "django-app/models.py"), join(app, "models.py"))
      writeFileSync(join(app, "__init__.py"), "")
      writeFileSync(join(app, "events.py"), example("django-events"))
      writeFileSync(join(app, "services.py"), example("django-service"))
      const main = await readFile(join(import.meta.dirname, "django-app/main.py"), "utf8")
      const stdout = await python(database, "main.py", main)
      expect(stdout).toBe("appended\nalready-appended\nrolled back\nmanual-block-stands\n1 row\n")
      expect(await writtenTypes(database)).toEqual(["block-ip.requested"])
    },
  )
})
