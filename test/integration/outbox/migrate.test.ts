import { randomBytes } from "node:crypto"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { assertMigrated } from "../../../src/adapters/postgres/check.ts"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { moveOffset, readOffset } from "../../../src/adapters/postgres/consumer-offsets.ts"
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

describe("a day that the default partition already holds events of", () => {
  const name = async () => {
    const [row] = await sql<{ name: string }[]>`
      select 'reconciler.outbox_' || to_char(now() at time zone 'UTC' + interval '1 day', 'YYYYMMDD') as name`
    return row!.name
  }
  const strays = async (count: number) => {
    await sql.unsafe(`drop table ${await name()}`)
    await sql`
      insert into reconciler.outbox (seq, type, subject, payload)
      select reconciler.clock_position() + (86400000::bigint << 22) + i * 1024, 'x', ${Buffer.alloc(32)}, '{}'
      from generate_series(1, ${count}::int) i`
  }
  const contents = () => sql`select * from reconciler.outbox order by seq`
  const inDefault = () => sql`select from reconciler.outbox_default`

  test("is made with those in it, and the log stays append-only", async () => {
    await migrate(sql)
    await strays(300)
    const before = await contents()
    const [row] =
      await sql`select reconciler.ensure_partitions(8) as made, to_regclass(${await name()}) as made_with`
    expect(row).toEqual({ made: 2, made_with: await name() })
    expect(await contents()).toEqual(before)
    expect(await inDefault()).toHaveLength(0)
    await sql`insert into reconciler.outbox_default select 1, gen_random_uuid(), 'x', ${Buffer.alloc(32)}, '{}'`
    await expect(sql`delete from reconciler.outbox`).rejects.toMatchObject({ code: "RC003" })
    await expect(sql`delete from reconciler.outbox_default`).rejects.toMatchObject({ code: "RC003" })
  })

  test("is left there when they are too many to move in a moment, and the others are made", async () => {
    await migrate(sql)
    await strays(5_001)
    const [row] =
      await sql`select reconciler.ensure_partitions(8) as made, to_regclass(${await name()}) as skipped`
    expect(row).toEqual({ made: 1, skipped: null })
    expect(await inDefault()).toHaveLength(5_001)
  })

  test("is left for later while somebody writes into the default partition", async () => {
    await migrate(sql)
    await strays(1)
    await sql.begin(async tx => {
      await tx`insert into reconciler.outbox (seq, type, subject, payload) values (1, 'x', ${Buffer.alloc(32)}, '{}')`
      await expect(sql`select reconciler.ensure_partitions(8)`).rejects.toMatchObject({ code: "55P03" })
    })
    expect(await sql`select reconciler.ensure_partitions(8) as made`).toEqual([{ made: 2 }])
  })
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
  const from = { consumerGroup: "group", topic: "topic", partition: 0 }
  await moveOffset(sql, { ...from, storedOffset: null, nextOffset: 5n })
  await moveOffset(sql, { ...from, storedOffset: 5n, nextOffset: 2n ** 53n + 1n })
  expect(await readOffset(sql, "group", "topic", 0)).toBe(2n ** 53n + 1n)
  expect(await readOffset(sql, "group", "topic", 1)).toBeNull()
})
