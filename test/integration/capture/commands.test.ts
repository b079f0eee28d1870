import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { installCapture, removeCapture } from "../../../src/adapters/postgres/capture/capture.ts"
import { runCli } from "../../../src/cli/program.ts"
import { readConfig } from "../../../src/config.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { EXIT } from "../../../src/runtime/errors.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import {
  type CapturedApp,
  captureContext,
  createCapturedApp,
  HMAC,
  SUBJECT_KEY,
  withConnection,
} from "../../support/caregrid/captured-app.ts"
import { blockRow, middlewareBlocks } from "../../support/caregrid/recorded.ts"
import { textStream } from "../../support/text-stream.ts"
import { until } from "../../support/until.ts"

const TABLES = ["core_patient", "firewall_blockedip", "firewall_attackpattern"]
const block = blockRow({ ip_address: "203.0.113.7", ip_hash: "b4".repeat(32), expiry_time: "2099-01-01" })

let app: CapturedApp
let directory: string
beforeAll(async () => {
  app = await createCapturedApp()
  directory = mkdtempSync(join(tmpdir(), "caregrid-capture-"))
  writeFileSync(join(directory, "key"), SUBJECT_KEY.toString("hex"), { mode: 0o600 })
  writeFileSync(join(directory, "other"), "0c".repeat(32), { mode: 0o600 })
  writeFileSync(join(directory, "open"), "0c".repeat(32), { mode: 0o644 })
})
afterAll(async () => {
  rmSync(directory, { recursive: true })
  await app.drop()
})
afterEach(async () => {
  await installCapture(app.sql, captureContext, HMAC)
})

/** In this process, with an environment of its own. */
async function capture(argv: readonly string[], settings: Record<string, string> = {}) {
  const [stdout, stderr] = [textStream(), textStream()]
  const environment = { DATABASE_URL: app.url, SUBJECT_KEY_FILE: join(directory, "key"), ...settings }
  const code = await runCli(["capture", ...argv], {
    signal: captureContext.signal,
    clock: systemClock,
    stdout: stdout.stream,
    stderr: stderr.stream as NodeJS.WriteStream,
    config: needs => readConfig(environment, needs),
    logger: () => silentLogger,
  })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

async function triggers(): Promise<number> {
  const rows = await app.sql`select from pg_trigger where tgname like 'reconciler_capture%'`
  return rows.length
}

describe("capture install", () => {
  it("puts the triggers on, and finds nothing to do when it runs again", async () => {
    await removeCapture(app.sql, captureContext)
    const planned = await capture(["install", "--dry-run"])
    expect(planned.stdout.match(/create (constraint )?trigger/g)).toHaveLength(6)
    expect(await triggers()).toBe(0)
    const first = await capture(["install", "--json"])
    expect(JSON.parse(first.stdout).changes).toHaveLength(6)
    expect((await capture(["install"])).stdout).toBe("Nothing to change.\n")
    expect(await triggers()).toBe(6)
  })

  it("leaves each table with its triggers once where several install at once", async () => {
    await removeCapture(app.sql, captureContext)
    const all = await Promise.allSettled([1, 2, 3].map(() => installCapture(app.sql, captureContext, HMAC)))
    expect(all.map(({ status }) => status)).toContain("fulfilled")
    await installCapture(app.sql, captureContext, HMAC)
    expect(await triggers()).toBe(6)
  })

  it.each([
    ["another key", [], { SUBJECT_KEY_FILE: "other" }, "other subjects"],
    ["another hashing", [], { SUBJECT_HASHING: "as-stored" }, "other subjects"],
    ["no key", [], { SUBJECT_KEY_FILE: "" }, "SUBJECT_KEY_FILE is missing"],
    ["a key that others can read", [], { SUBJECT_KEY_FILE: "open" }, "chmod 600"],
    ["a table there is not", ["--tables", "core_doctor"], {}, "no core_doctor"],
    ["a schema without the app", [], { APP_SCHEMA: "reconciler" }, "Not CareGrid's tables"],
  ] as const)("refuses %s", async (_, argv, given, message) => {
    const settings = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [
        name,
        name === "SUBJECT_KEY_FILE" && value ? join(directory, value) : value,
      ]),
    )
    const { code, stderr } = await capture(["install", ...argv], settings)
    expect(stderr).toContain(message)
    expect(code).toBe(EXIT.configuration)
  })

  it("waits for the app's long transaction, and lets others write meanwhile", async () => {
    await removeCapture(app.sql, captureContext)
    let slowestMs = 0
    const installed = await withConnection(app.url, async holder => {
      await holder`begin`
      await holder`update firewall_blockedip set reason = reason`
      const installing = installCapture(app.sql, captureContext, HMAC)
      for (let writes = 0; writes < 20; writes += 1) {
        const startedMs = performance.now()
        await app.sql`insert into firewall_blockedip ${app.sql({ ...block, ip_address: `192.0.2.${writes}` })}`
        slowestMs = Math.max(slowestMs, performance.now() - startedMs)
      }
      await holder`rollback`
      return installing
    })
    expect(installed).toHaveLength(6)
    // The lock is asked for 50 ms at a time; the rest is a busy machine's.
    expect(slowestMs).toBeLessThan(1_000)
  })
})

describe("capture status", () => {
  it("says that all is well", async () => {
    const { code, stdout } = await capture(["status"])
    expect(stdout.match(/ captured$/gm)).toHaveLength(3)
    expect(code).toBe(EXIT.ok)
  })

  it.each([
    ["drop trigger reconciler_capture on core_patient", "capture-trigger-missing"],
    ["alter table firewall_blockedip disable trigger reconciler_capture", "capture-trigger-disabled"],
    ["alter table firewall_blockedip disable trigger user", "capture-trigger-disabled"],
    [
      `drop trigger reconciler_capture on core_patient;
       create constraint trigger reconciler_capture after insert on core_patient
         for each row execute function reconciler.capture_patient()`,
      "capture-trigger-changed",
    ],
  ])("sees, and install mends: %s", async (statement, finding) => {
    await app.sql.unsafe(statement)
    const { code, stdout } = await capture(["status", "--json"])
    expect(JSON.parse(stdout).findings.map((each: { finding: string }) => each.finding)).toContain(finding)
    expect(code).toBe(EXIT.partialFailure)
    await installCapture(app.sql, captureContext, HMAC)
    expect((await capture(["status"])).code).toBe(EXIT.ok)
  })

  it.each([
    [
      "create or replace function reconciler.capture_truncate() returns trigger language plpgsql as 'begin return null; end'",
      "capture-function-changed",
      null,
    ],
    [
      "alter table core_patient rename blockchain_id to chain_id",
      "capture-column-changed",
      "alter table core_patient rename chain_id to blockchain_id",
    ],
    [
      "alter table firewall_attackpattern alter severity type text",
      "capture-column-changed",
      "alter table firewall_attackpattern alter severity type integer using severity::integer",
    ],
  ])("sees: %s", async (statement, finding, back) => {
    const [before] =
      await app.sql`select pg_get_functiondef('reconciler.capture_truncate'::regproc) as definition`
    await app.sql.unsafe(statement)
    const { code, stdout } = await capture(["status", "--json"])
    await app.sql.unsafe(back ?? before?.definition)
    expect(JSON.parse(stdout).findings.map((each: { finding: string }) => each.finding)).toContain(finding)
    expect(code).toBe(EXIT.partialFailure)
  })

  it("sees other subjects, and that nothing is there", async () => {
    expect((await capture(["status"], { SUBJECT_KEY_FILE: join(directory, "other") })).stdout).toContain(
      "capture-subjects-differ",
    )
    await removeCapture(app.sql, captureContext)
    expect((await capture(["status"])).stdout).toContain("capture-not-installed")
  })
})

describe("capture remove", () => {
  it("takes the triggers off, and nothing is captured any more", async () => {
    await capture(["remove", "--tables", "core_patient"])
    expect(await triggers()).toBe(4)
    expect((await capture(["remove", "--dry-run"])).stdout.match(/^drop trigger/gm)).toHaveLength(4)
    await capture(["remove"])
    expect(await triggers()).toBe(0)
    expect(await app.sql`select from reconciler.capture_settings`).toHaveLength(0)
    await app.news()
    await app.run(middlewareBlocks({ ...block, ip_address: "192.0.2.200" }))
    expect(await app.news()).toEqual([])
    expect((await capture(["remove"])).stdout).toBe("Nothing to change.\n")
  })
})

describe("migrations of the app", () => {
  it.each([
    "alter table core_patient add column middle_name varchar(100) not null default ''",
    "alter table core_patient alter blockchain_id type varchar(80)",
    "alter table core_patient alter registration_tx_hash type text",
    "alter table firewall_blockedip add constraint positive check (id > 0)",
    "alter table firewall_attackpattern alter severity type bigint",
    "create index on firewall_blockedip (reason)",
  ])("go through, and capture stays whole: %s", async statement => {
    await app.sql.unsafe(statement)
    expect((await capture(["status"])).code).toBe(EXIT.ok)
  })

  it("may rename a table: its triggers go with it", async () => {
    await app.sql`alter table firewall_attackpattern rename to firewall_pattern`
    expect((await capture(["status"])).code).toBe(EXIT.partialFailure)
    await app.sql`alter table firewall_pattern rename to firewall_attackpattern`
    await until(
      () => triggers(),
      found => found === TABLES.length * 2,
    )
  })
})
