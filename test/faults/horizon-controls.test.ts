import { setTimeout as wait } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { createPostgresEventSource } from "../../src/adapters/postgres/relay/event-source.ts"
import type { Position } from "../../src/domain/position.ts"
import type { EventSource } from "../../src/relay/ports.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { anySubject } from "../support/event-builders.ts"
import { faultScale } from "../support/faults/report.ts"
import {
  byTransaction,
  highest,
  holders,
  inOneStatement,
  naive,
  visible,
} from "../support/faults/wrong-readers.ts"
import { beginWriter } from "../support/outbox-writer.ts"
import { until } from "../support/until.ts"

/** A minute as in the worst of applications, if there is time for it. */
const OTHERS_END_WITHIN_MS = 50_000
const OPEN_FOR_MS = Number(process.env.TEST_OPEN_TRANSACTION_MS ?? (faultScale > 1 ? 60_000 : 2_000))

describe("one event that commits late, before the lock horizon and before each wrong form of it", () => {
  let database: TestDatabase
  let sql: Sql
  let own: Sql
  let source: EventSource
  let given: Position[]
  beforeEach(async () => {
    database = await createTestDatabase({ max: 12 })
    sql = database.sql
    own = openDatabase({ url: database.url, max: 1, applicationName: "test-horizon" })
    source = createPostgresEventSource({ sql: own, clock: systemClock })
    given = []
  })
  afterEach(async () => {
    await closeDatabase(own)
    await database.drop()
  })

  const pass = async () => {
    const events = await source.readSafe(given.at(-1) ?? 0n, 100)
    given.push(...events.map(({ position }) => position))
    return given
  }
  const givesAll = (expected: readonly Position[]) =>
    until(pass, found => found.length >= expected.length).then(() => expect(given).toEqual(expected))

  async function committed(): Promise<Position> {
    const writer = await beginWriter(sql)
    const position = await writer.append()
    await writer.commit()
    return position
  }

  /** What a reader has after it gave `first` and then reads on from its cursor: all, or not. */
  const readOn = async (first: readonly Position[]) => [...first, ...(await naive(sql, first.at(-1) ?? 0n))]

  test("what is there above the cursor: lost", async () => {
    const late = await beginWriter(sql)
    const lost = await late.append()
    const early = await committed()
    const first = await naive(sql, 0n)
    await pass()
    await late.commit()
    expect(await readOn(first)).toEqual([early])
    await givesAll([lost, early])
  })

  test("holders before the highest position: lost", async () => {
    const before = await holders(sql)
    const late = await beginWriter(sql)
    const lost = await late.append()
    const early = await committed()
    const upTo = await highest(sql)
    expect(before).toEqual([])
    const first = await visible(sql, 0n, upTo)
    await pass()
    await late.commit()
    expect(await readOn(first)).toEqual([early])
    await givesAll([lost, early])
  })

  test("all in one statement: lost", async () => {
    const late = await beginWriter(sql)
    const lost = await late.append()
    const early = await committed()
    const reading = inOneStatement(sql, 0.5)
    await until(
      () => sql<{ count: number }[]>`
        select count(*)::int as count from pg_stat_activity where query like '%pg_sleep%' and wait_event = 'PgSleep'`,
      ([row]) => row?.count === 1,
    )
    await pass()
    await late.commit()
    expect(await readOn(await reading)).toEqual([early])
    await givesAll([lost, early])
  })

  test("all in one repeatable-read transaction: lost", async () => {
    const late = await beginWriter(sql)
    const lost = await late.append()
    const early = await committed()
    const first = await sql.begin("isolation level repeatable read", async tx => {
      const upTo = await highest(tx)
      const held = await holders(tx)
      expect(held).toHaveLength(1)
      await pass()
      await late.commit()
      await until(
        () => holders(tx),
        now => !now.some(holder => held.includes(holder)),
      )
      return visible(tx, 0n, upTo)
    })
    expect(await readOn(first)).toEqual([early])
    await givesAll([lost, early])
  })

  test("by transaction and position: inverted", async () => {
    const subject = anySubject()
    const slow = await beginWriter(sql)
    const other = await slow.append()
    const quick = await beginWriter(sql)
    const first = await quick.append(subject)
    await quick.commit()
    await pass()
    const second = await slow.append(subject)
    await slow.commit()
    const control = await byTransaction(sql, { xid: 0n, seq: 0n })
    expect(control.map(({ seq }) => seq)).toEqual([other, second, first])
    expect(control.filter(row => `0x${row.subject}` === subject).map(({ seq }) => seq)).toEqual([
      second,
      first,
    ])
    await givesAll([other, first, second])
  })

  test(
    "a transaction that stays open and never touched the log holds back nothing, but stalls the order by transaction",
    async () => {
      const idle = await sql.reserve()
      await idle`create table public.of_the_app (text text)`
      await idle`begin`
      await idle`insert into public.of_the_app values ('x')`
      const untilMs = performance.now() + OPEN_FOR_MS
      const expected: Position[] = []
      while (performance.now() < untilMs) {
        expected.push(await committed())
        await until(pass, found => found.length === expected.length)
        await wait(50)
      }
      expect(given).toEqual(expected)
      expect(await byTransaction(sql, { xid: 0n, seq: 0n })).toEqual([])
      await idle`rollback`
      idle.release()
      // Transactions of the server's other databases hold this order up too.
      await until(
        () => byTransaction(sql, { xid: 0n, seq: 0n }),
        rows => rows.length === expected.length,
        OTHERS_END_WITHIN_MS,
      )
    },
    OPEN_FOR_MS + 60_000,
  )
})
