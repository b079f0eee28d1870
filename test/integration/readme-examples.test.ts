import { execFile, spawnSync } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Sql } from "../../src/adapters/postgres/client.ts"
import { pseudonym, type Subject } from "../../src/domain/subject.ts"
import { createCareGridTables } from "../../src/integrations/caregrid/create-tables.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"

/** The README's examples as they stand there: what a newcomer copies has to work. */

const run = promisify(execFile)
const root = join(import.meta.dirname, "../..")
const readme = await readFile(join(root, "README.md"), "utf8")
const keyHex = "5e".repeat(32)
const key = Buffer.from(keyHex, "hex")

function example(name: string): string {
  const block = new RegExp(`^\`\`\`\\w+ example=${name}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(readme)?.[1]
  if (!block) throw new Error(`README.md has no example ${name}`)
  return block
}

function has(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0
}

/** Beside the tests, so that the package's own name and its libraries are found as in an app that has it. */
async function runTypeScript(source: string, databaseUrl: string): Promise<string> {
  const directory = await mkdtemp(join(import.meta.dirname, ".readme-"))
  try {
    await writeFile(join(directory, "example.ts"), source)
    const env = { ...process.env, DATABASE_URL: databaseUrl, SUBJECT_KEY: keyHex }
    const { stdout } = await run(process.execPath, ["example.ts"], { cwd: directory, env, timeout: 30_000 })
    return stdout
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function runSql(database: TestDatabase, source: string): Promise<void> {
  if (has("psql")) await run("psql", [database.url, "--set=ON_ERROR_STOP=1", "--command", source])
  else await database.sql.begin(tx => tx.unsafe(source.replace(/^(begin|commit);$/gm, "")))
}

/** What the example must have left: its event, and the link from the subject to its row. */
async function written(sql: Sql, table: string) {
  const [event] = await sql<{ type: string; subject: Buffer; payload: object; seq: bigint }[]>`
    select type, subject, payload, seq from reconciler.outbox`
  const [link] = await sql<{ subject: Buffer; seq: bigint; rowId: bigint }[]>`
    select subject, seq, row_id as "rowId" from reconciler.app_rows where table_name = ${table}`
  return { event, link }
}

const bytes = (subject: Subject) => Buffer.from(subject.slice(2), "hex")

describe("the README's examples", () => {
  let database: TestDatabase
  beforeAll(async () => {
    expect(readme.match(/^```\w+ example=/gm)).toHaveLength(4)
  })
  beforeEach(async () => {
    database = await createTestDatabase()
    await createCareGridTables(database.sql)
    await database.sql`insert into core_branch (id, name, location) values (1, 'Harbour Clinic', 'Port')`
    return () => database.drop()
  })

  it("register a patient in SQL: row, event and link", async () => {
    const { sql } = database
    await runSql(database, example("register-patient"))
    const [patient] = await sql`select id, blockchain_id as subject from core_patient`
    const { event, link } = await written(sql, "core_patient")
    expect(event).toMatchObject({ type: "register-patient.requested", payload: {} })
    expect(event?.subject).toEqual(bytes(patient!.subject))
    expect(link).toEqual({ subject: event?.subject, seq: event?.seq, rowId: patient?.id })
  })

  it("block an address with postgres.js: row, event and link", async () => {
    const { sql } = database
    expect(await runTypeScript(example("block-ip"), database.url)).toBe("appended\n")
    const [block] = await sql`
      select id, host(ip_address) as ip, extract(epoch from expiry_time)::int as "expiresAt" from firewall_blockedip`
    const { event, link } = await written(sql, "firewall_blockedip")
    expect(event).toMatchObject({
      type: "block-ip.requested",
      payload: { manual: false, expiresAt: block?.expiresAt },
    })
    expect(event?.subject).toEqual(bytes(pseudonym(key, "ip-address", block!.ip)))
    expect(link).toEqual({ subject: event?.subject, seq: event?.seq, rowId: block?.id })
  })

  it("leave the row as it is where an administrator has blocked the address", async () => {
    const { sql } = database
    const subject = pseudonym(key, "ip-address", "198.51.100.7")
    await sql`select from reconciler.append('block-ip.requested', ${subject}::text, '{"manual": true}')`
    expect(await runTypeScript(example("block-ip"), database.url)).toBe("manual-block-stands\n")
    expect(await sql`select from firewall_blockedip`).toHaveLength(0)
    expect(await sql`select from reconciler.outbox`).toHaveLength(1)
  })

  it("add an attack signature with drizzle: row, event and link", async () => {
    const { sql } = database
    await runTypeScript(example("add-attack-signature"), database.url)
    const [pattern] = await sql`select id, pattern_hash as subject, severity from firewall_attackpattern`
    const { event, link } = await written(sql, "firewall_attackpattern")
    expect(event).toMatchObject({ type: "add-attack-signature.requested", payload: { severity: 8 } })
    expect(event?.subject).toEqual(bytes(pattern!.subject))
    expect(link).toEqual({ subject: event?.subject, seq: event?.seq, rowId: pattern?.id })
  })

  it.skipIf(!has("python3"))("give the same pseudonym in Python as in TypeScript", async () => {
    const call = `print(subject(bytes.fromhex("${keyHex}"), "ip-address", "198.51.100.7"))`
    const { stdout } = await run("python3", ["-c", `${example("subject")}\n${call}`])
    expect(stdout.trim()).toBe(pseudonym(key, "ip-address", "198.51.100.7"))
  })
})
