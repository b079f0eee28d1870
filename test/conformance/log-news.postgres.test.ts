import { expect, test } from "vitest"
import { createPostgresLogNews } from "../../src/adapters/postgres/relay/log-news.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { createTestDatabase } from "../support/database.ts"
import { beginWriter } from "../support/outbox-writer.ts"
import { logNewsConformance } from "./log-news.ts"

logNewsConformance("postgres", async () => {
  const database = await createTestDatabase()
  return {
    news: createPostgresLogNews({ sql: database.sql, clock: systemClock, policy: "always" }),
    async append() {
      const writer = await beginWriter(database.sql)
      await writer.append()
      await writer.commit()
    },
    close: () => database.drop(),
  }
})

test("asks nobody where transactions can be prepared, unless told to: NOTIFY forbids it", async () => {
  const database = await createTestDatabase()
  const { sql } = database
  const news = createPostgresLogNews({ sql, clock: systemClock, policy: "auto" })
  expect(await news.ask(60_000)).toBe(false)
  const writer = await beginWriter(sql)
  const position = await writer.append()
  await writer.prepare(`p${position}`)
  await sql.unsafe(`commit prepared 'p${position}'`)
  const always = createPostgresLogNews({ sql, clock: systemClock, policy: "always" })
  expect(await always.ask(60_000)).toBe(true)
  const other = await beginWriter(sql)
  await other.append()
  await expect(other.prepare("refused")).rejects.toThrow("NOTIFY")
  await database.drop()
})
