import { randomBytes } from "node:crypto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { assertMigrated } from "../../../src/adapters/postgres/check.ts"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { readOffset, storeOffset } from "../../../src/adapters/postgres/consumer-offsets.ts"
import { migrate, readMigrations } from "../../../src/adapters/postgres/migrate.ts"
import { createEmptyDatabase } from "../../support/database.ts"

let database: Awaited<ReturnType<typeof createEmptyDatabase>>
let sql: Sql
beforeEach(async () => {
  database = await createEmptyDatabase()
  sql = openDatabase({ url: database.url, max: 4, applicationName: "test-migrate" })
})
afterEach(async () => {
  await closeDatabase(sql)
  await database.drop()
})

test("applies every migration once and names them", async () => {
  const names = readMigrations().map(migration => migration.name)
  expect(await migrate(sql)).toEqual(names)
  expect(await migrate(sql)).toEqual([])
})

test("several that start at once apply each migration once between them", async () => {
  const applied = await Promise.all([migrate(sql), migrate(sql), migrate(sql)])
  expect(applied.flat()).toEqual(readMigrations().map(migration => migration.name))
})

test("makes the partitions of this week ahead", async () => {
  await migrate(sql)
  const partitions = await sql`select from pg_inherits where inhparent = 'reconciler.outbox'::regclass`
  expect(partitions).toHaveLength(9)
})

test("a day that the default partition already holds events of is left there, and the others are made", async () => {
  await migrate(sql)
  const tomorrow = await sql`
    select to_char(now() at time zone 'UTC' + interval '1 day', 'YYYYMMDD') as day`
  const name = `reconciler.outbox_${tomorrow[0]!.day}`
  await sql.unsafe(`drop table ${name}`)
  await sql`
    insert into reconciler.outbox (seq, type, subject, payload)
    values (reconciler.clock_position() + (86400000::bigint << 22), 'x', ${Buffer.alloc(32)}, '{}')`
  const [row] = await sql`select reconciler.ensure_partitions(8) as made, to_regclass(${name}) as skipped`
  expect(row).toEqual({ made: 1, skipped: null })
})

test("a login without the rights is told so, with the exit code of a wrong setting", async () => {
  await migrate(sql)
  const role = `test_${randomBytes(8).toString("hex")}`
  await sql.unsafe(`create role ${role}`)
  const weak = openDatabase({ url: database.url, max: 1, applicationName: "test-migrate" })
  try {
    await weak.unsafe(`set role ${role}`)
    for (const attempt of [migrate, assertMigrated]) {
      await expect(attempt(weak)).rejects.toMatchObject({ name: "ConfigurationError", exitCode: 78 })
    }
  } finally {
    await closeDatabase(weak)
    await sql.unsafe(`drop role ${role}`)
  }
})

test("a consumer's offset is null at first, then what was stored last", async () => {
  await migrate(sql)
  expect(await readOffset(sql, "group", "topic", 0)).toBeNull()
  await storeOffset(sql, "group", "topic", 0, 5n)
  await storeOffset(sql, "group", "topic", 0, 2n ** 53n + 1n)
  expect(await readOffset(sql, "group", "topic", 0)).toBe(2n ** 53n + 1n)
  expect(await readOffset(sql, "group", "topic", 1)).toBeNull()
})
