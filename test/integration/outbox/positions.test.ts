import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { AnySql } from "../../../src/adapters/postgres/client.ts"
import { append } from "../../../src/adapters/postgres/event-log/append.ts"
import { raisePosition } from "../../../src/adapters/postgres/event-log/raise-position.ts"
import { lowestPositionAt, positionTimeMs, positionWriterId } from "../../../src/domain/position.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { databaseClockMs, insertEvent } from "./insert-event.ts"

const SESSIONS = 16
const INSERTS = 100
const HOUR_MS = 3_600_000

describe("positions", () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase({ max: SESSIONS })
  })
  afterEach(() => database.sql`select setval('reconciler.outbox_position', reconciler.clock_position())`)
  afterAll(() => database.drop())

  const insert = (sql: AnySql = database.sql) => insertEvent(sql)

  const clockMs = () => databaseClockMs(database.sql)

  /** What a clock that stepped back by an hour leaves behind. */
  async function putSequenceAhead(): Promise<bigint> {
    const ahead = lowestPositionAt((await clockMs()) + HOUR_MS)
    await database.sql`select setval('reconciler.outbox_position', ${ahead})`
    return ahead
  }

  test("a row inserted without one gets a position of the clock's time", async () => {
    const before = Math.floor(await clockMs())
    const position = await insert()
    expect(positionTimeMs(position)).toBeGreaterThanOrEqual(before)
    expect(positionTimeMs(position)).toBeLessThanOrEqual(await clockMs())
    expect(positionWriterId(position)).toBe(0)
  })

  test(`are unique and rising in each of ${SESSIONS} sessions at once`, async () => {
    const session = async () => {
      const positions: bigint[] = []
      for (let count = 0; count < INSERTS; count += 1) positions.push(await insert())
      return positions
    }
    const perSession = await Promise.all(Array.from({ length: SESSIONS }, session))
    for (const positions of perSession) {
      expect(positions).toEqual(positions.toSorted((left, right) => (left < right ? -1 : 1)))
    }
    expect(new Set(perSession.flat()).size).toBe(SESSIONS * INSERTS)
  })

  test("keep to the clock while sessions write: never more than the counter ahead of it", async () => {
    const positions = await Promise.all(Array.from({ length: 200 }, () => insert()))
    const nowMs = await clockMs()
    expect(positions.every(position => positionTimeMs(position) <= nowMs)).toBe(true)
  })

  test("count on when the clock stepped back, and inserts work", async () => {
    const ahead = await putSequenceAhead()
    expect([await insert(), await insert()]).toEqual([ahead + 1024n, ahead + 2048n])
  })

  test("leave no lock behind in a transaction that goes on", async () => {
    await database.sql.begin(async tx => {
      await insert(tx)
      const locks = await tx`select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`
      expect(locks).toHaveLength(0)
    })
  })

  test("are given while another session holds the clock's lock", async () => {
    await insert()
    await database.sql.begin(async tx => {
      await tx`select pg_advisory_xact_lock(1380137283, 0)`
      const [first, second] = [await insert(), await insert()]
      expect(second > first).toBe(true)
    })
  })

  test("are refused another value in the log: rows are never updated or deleted", async () => {
    await insert()
    const { sql } = database
    await expect(sql`update reconciler.outbox set type = 'x'`).rejects.toMatchObject({ code: "RC003" })
    await expect(sql`delete from reconciler.outbox`).rejects.toMatchObject({ code: "RC003" })
    await expect(sql`truncate reconciler.outbox`).rejects.toMatchObject({ code: "RC003" })
  })

  describe("receive rule", () => {
    test("a version that is behind changes nothing", async () => {
      const ahead = await putSequenceAhead()
      expect(await raisePosition(database.sql, lowestPositionAt(await clockMs()))).toBe(true)
      expect(await insert()).toBe(ahead + 1024n)
    })

    test("a version over 5 minutes ahead is not followed", async () => {
      const foreign = lowestPositionAt((await clockMs()) + 6 * 60_000)
      expect(await raisePosition(database.sql, foreign)).toBe(false)
      expect(await insert()).toBeLessThan(foreign)
    })
  })

  test("of one subject rise in the order of commits, whoever writes", async () => {
    const { sql } = database
    await sql`create table commits (at bigserial, position bigint)`
    const write = () =>
      sql.begin(async tx => {
        const result = await append(tx, {
          type: "unblock-ip.requested",
          subject: `0x${"ab".repeat(32)}`,
          payload: {},
        })
        if (result.outcome === "appended")
          await tx`insert into commits (position) values (${result.position})`
      })
    await Promise.all(Array.from({ length: 300 }, write))
    const rows = await sql<{ position: bigint }[]>`select position from commits order by at`
    const positions = rows.map(row => row.position)
    expect(positions).toHaveLength(300)
    expect(positions).toEqual(positions.toSorted((left, right) => (left < right ? -1 : 1)))
  })

  test("a statement cancelled after the clock's lock was taken leaves no lock in its transaction", async () => {
    await database.sql.begin(async tx => {
      const cancelled = tx.savepoint(async inner => {
        await inner`set local statement_timeout = '50ms'`
        await inner`select reconciler.raise_sequence(${lowestPositionAt(Date.now())}, true), pg_sleep(5)`
      })
      await expect(cancelled).rejects.toMatchObject({ code: "57014" })
      const locks = await tx`
        select classid, objid, granted from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`
      expect(locks).toEqual([])
    })
  })
})
