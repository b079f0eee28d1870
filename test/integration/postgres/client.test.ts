import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { ENDINGS, startTcpProxy, type TcpProxy } from "../../support/faults/tcp-proxy.ts"

describe("the database client", () => {
  let database: TestDatabase
  let proxy: TcpProxy
  let sql: Sql
  const unhandled: unknown[] = []
  const note = (reason: unknown) => void unhandled.push(reason)
  beforeEach(async () => {
    unhandled.length = 0
    database = await createTestDatabase()
    proxy = await startTcpProxy(database.url)
    // One connection: what is lost to it is lost to the pool.
    sql = openDatabase({ url: proxy.url, max: 1, applicationName: "test" })
    process.on("unhandledRejection", note)
    process.on("uncaughtException", note)
  })
  afterEach(async () => {
    process.off("unhandledRejection", note)
    process.off("uncaughtException", note)
    await closeDatabase(sql)
    await proxy.close()
    await database.drop()
  })

  test.each([
    { type: "text", values: ["a", "", "b c", 'd"e', "f\\g", "h,i", "{j}", "NULL", "ü\n", null] },
    { type: "uuid", values: ["0198c0de-0000-7000-8000-000000000000"] },
    { type: "int", values: [1, -2, null] },
    { type: "bigint", values: [9_007_199_254_740_993n, -1n] },
    { type: "name", values: ["pg_class"] },
  ])("gives arrays of $type as they were given", async ({ type, values }) => {
    const given = values.map(value => (value === null ? null : String(value)))
    const [row] = await sql`
      select ${given}::text[]::${sql.unsafe(type)}[] as values, '{}'::${sql.unsafe(type)}[] as none`
    expect(row).toEqual({ values, none: [] })
  })

  test.each(ENDINGS)("goes on after a connection is %s within a transaction, again and again", async how => {
    for (let round = 0; round < 5; round += 1) {
      const cut = sql.begin(async tx => {
        await tx`select 1`
        const asked = tx`select pg_sleep(0.5)`
        const sent = asked.execute()
        setTimeout(() => proxy.cut(how), 20)
        await sent
      })
      await expect(cut).rejects.toThrow()
      // The first may meet the connection that is gone.
      await sql`select 1`.catch(() => undefined)
      for (let one = 0; one < 3; one += 1)
        expect([...(await sql`select ${one}::int as one`)]).toEqual([{ one }])
    }
    expect(unhandled).toEqual([])
  })

  test.each(ENDINGS)(
    "runs nothing of a transaction whose connection was %s while it did something else",
    async how => {
      await sql`create table public.effects (number int)`
      for (const goesOn of [true, false]) {
        await sql`select 1`.catch(() => undefined)
        const { promise: over, resolve } = Promise.withResolvers<void>()
        const busy = sql.begin(async tx => {
          await tx`insert into public.effects values (1)`
          proxy.cut(how)
          // Long enough for a driver that lets the connection go to have another one.
          await new Promise(done => setTimeout(done, 300))
          if (goesOn) await tx`insert into public.effects values (2)`.catch(() => undefined)
          resolve()
        })
        await expect(busy).rejects.toThrow()
        await over
        await sql`select 1`.catch(() => undefined)
        expect([...(await sql`select number from public.effects`)]).toEqual([])
      }
      expect(unhandled).toEqual([])
    },
  )

  test.each(ENDINGS)("answers what is asked in the turn in which a connection is %s", async how => {
    for (let round = 0; round < 5; round += 1) {
      await sql`select 1`.catch(() => undefined)
      const asked = sql`select pg_sleep(0.5)`.execute()
      setTimeout(() => proxy.cut(how), 20)
      const answers: unknown[] = await asked.catch(() =>
        Promise.all(Array.from({ length: 5 }, (_, one) => sql`select ${one}::int as one`.catch(String))),
      )
      expect(answers).toHaveLength(5)
    }
    expect([...(await sql`select 1 as one`)]).toEqual([{ one: 1 }])
    expect(unhandled).toEqual([])
  })

  test("fails the statement, and not the process, when the server goes away at a connection's first one", async () => {
    proxy.cutNextWhenReady(3)
    for (let tries = 0; tries < 3; tries += 1) await expect(sql`select 1`).rejects.toThrow()
    expect([...(await sql`select 1 as one`)]).toEqual([{ one: 1 }])
    expect(unhandled).toEqual([])
  })
})
