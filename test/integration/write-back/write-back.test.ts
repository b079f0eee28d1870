import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createAppTables } from "../../../src/adapters/postgres/write-back/app-tables.ts"
import { createCareGridTables } from "../../../src/integrations/caregrid/create-tables.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { canWriteBack } from "../../../src/write-back/write-back.ts"
import { createCareGridApp } from "../../support/caregrid-app.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, batchOf, blockRequested, confirmed, expired } from "../../support/event-builders.ts"
import { readLogAbout, writeToLog } from "../../support/read-log.ts"

describe("write-back in the database", () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(() => database.drop())

  it("is off where the app's tables are not, and says which", async () => {
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: unknown) => void warnings.push(fields) }
    const appTables = createAppTables(database.sql, { appSchema: "public" })
    expect(await canWriteBack(appTables, logger as typeof silentLogger)).toBe(false)
    expect(warnings).toEqual([{ missing: ["core_patient", "firewall_blockedip", "firewall_attackpattern"] }])

    await createCareGridTables(database.sql, "care")
    const elsewhere = createAppTables(database.sql, { appSchema: "care" })
    expect(await canWriteBack(elsewhere, silentLogger)).toBe(true)
    expect(await canWriteBack(appTables, silentLogger)).toBe(false)
  })

  it("leaves the row and tells nothing when the transaction is cut before its commit", async () => {
    const { sql } = database
    await createCareGridTables(sql, "cut")
    const appTables = createAppTables(sql, { appSchema: "cut" })
    const app = createCareGridApp(sql, "cut")
    const block = blockRequested(anySubject(), -1)
    await app.write("firewall_blockedip", block, { expiresInMs: -1000 })
    const expiry = expired(block)
    await writeToLog(sql, expiry)
    await appTables.apply(batchOf([confirmed(expiry)]))

    // Refused at the last statement's commit, when row, event and mark are all written.
    await sql`create function cut() returns trigger language plpgsql as $$ begin raise 'cut'; end $$`
    await sql`
      create constraint trigger cut after update on reconciler.write_backs
      deferrable initially deferred for each row execute function cut()`
    await expect(appTables.settle(10)).rejects.toThrow("cut")
    expect(await app.read("firewall_blockedip", block.subject)).not.toBeNull()
    expect(await readLogAbout(sql, block.subject)).toHaveLength(1)

    await sql`drop trigger cut on reconciler.write_backs`
    expect(await appTables.settle(10)).toEqual({ settled: 1, waiting: 0 })
    expect(await app.read("firewall_blockedip", block.subject)).toBeNull()
    expect((await readLogAbout(sql, block.subject)).map(({ type }) => type)).toEqual([
      "ip-block.expired",
      "ip-block.removed",
    ])
  })

  it("sees a renewal that commits while it waits to look at the row", async () => {
    const { sql } = database
    await createCareGridTables(sql, "race")
    const appTables = createAppTables(sql, { appSchema: "race" })
    const app = createCareGridApp(sql, "race")
    const blocks = Array.from({ length: 30 }, () => blockRequested(anySubject(), -1))
    for (const block of blocks) {
      await app.write("firewall_blockedip", block, { expiresInMs: -1000 })
      const expiry = expired(block)
      await writeToLog(sql, expiry)
      await appTables.apply(batchOf([confirmed(expiry)]))
    }
    // Each row is either gone before its renewal, which then makes a new one, or renewed and kept.
    const renew = async () => {
      for (const { subject } of blocks) {
        await app.write("firewall_blockedip", blockRequested(subject, 3600), { expiresInMs: 3_600_000 })
      }
    }
    const settle = async () => {
      for (let round = 0; round < 20; round += 1) await appTables.settle(3)
    }
    await Promise.all([renew(), settle()])
    const kept = await Promise.all(blocks.map(({ subject }) => app.read("firewall_blockedip", subject)))
    expect(kept.filter(row => row === null)).toEqual([])
  })
})
