import { afterAll, beforeAll, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { createPostgresRelayCursor } from "../../../src/adapters/postgres/relay/cursor.ts"
import { createPostgresEventSource } from "../../../src/adapters/postgres/relay/event-source.ts"
import { createPostgresLogNews } from "../../../src/adapters/postgres/relay/log-news.ts"
import type { Position } from "../../../src/domain/position.ts"
import { subjectBytes } from "../../../src/domain/subject.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject } from "../../support/event-builders.ts"
import { type Pooler, startPooler } from "../../support/pooler.ts"
import { until } from "../../support/until.ts"

const WRITERS = 4
const EVENTS_EACH = 50

let database: TestDatabase
let pooler: Pooler
let pools: Sql[]
beforeAll(async () => {
  pools = []
  database = await createTestDatabase()
  pooler = await startPooler(database.url)
}, 120_000)
afterAll(async () => {
  await Promise.all(pools.map(closeDatabase))
  await pooler?.close()
  await database?.drop()
})

function open(max: number): Sql {
  const sql = openDatabase({ url: pooler.url, max, applicationName: "test-pooler" })
  pools.push(sql)
  return sql
}

async function append(sql: Sql): Promise<Position> {
  const [row] = await sql<[{ seq: bigint }]>`
    select seq from reconciler.append('unblock-ip.requested', ${subjectBytes(anySubject())}, '{}'::jsonb)`
  return row.seq
}

async function sessions(sql: Sql): Promise<number> {
  const pids = new Set<number>()
  for (let n = 0; n < 8; n += 1)
    pids.add((await sql<[{ pid: number }]>`select pg_backend_pid() as pid`)[0].pid)
  return pids.size
}

test("behind a pooler that gives out sessions by transaction, the relay reads every event once and in order", async () => {
  const session = open(1)
  const source = createPostgresEventSource({ sql: session, clock: systemClock })
  const app = open(WRITERS)
  const given: Position[] = []
  const appended = Promise.all(
    Array.from({ length: WRITERS }, async () => {
      const positions: Position[] = []
      for (let n = 0; n < EVENTS_EACH; n += 1) positions.push(await append(app))
      return positions
    }),
  )
  await until(
    async () => {
      const events = await source.readSafe(given.at(-1) ?? 0n, 100)
      given.push(...events.map(({ position }) => position))
      return given.length
    },
    length => length >= WRITERS * EVENTS_EACH,
    60_000,
  )
  const all = (await appended).flat().sort((a, b) => (a < b ? -1 : 1))
  expect(given).toEqual(all)
  // Or the pooler would not have been in the way of anything.
  expect(await sessions(session)).toBeGreaterThan(1)
})

test("behind a pooler, nobody is asked to notify: the relay polls", async () => {
  const news = createPostgresLogNews({ sql: open(1), clock: systemClock, policy: "auto" })
  expect(await news.ask(60_000)).toBe(false)
})

test("behind a pooler, the lease has one holder, and goes to the next once it is released", async () => {
  const cursor = createPostgresRelayCursor(open(2), open(1))
  const other = createPostgresRelayCursor(open(2), open(1))
  const held = await cursor.acquire("a", 60_000)
  expect(held).not.toBeNull()
  expect(await other.acquire("b", 60_000)).toBeNull()
  expect((await cursor.acquire("a", 60_000))?.epoch).toBe(held?.epoch)
  await cursor.release(held?.epoch ?? 0n)
  expect((await other.acquire("b", 60_000))?.epoch).toBe((held?.epoch ?? 0n) + 1n)
})
