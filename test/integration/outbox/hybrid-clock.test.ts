import { beforeEach, describe, expect, test } from "vitest"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { raisePosition } from "../../../src/adapters/postgres/event-log/raise-position.ts"
import { type Random, seededRandom } from "../../../src/demo/random.ts"
import { lowestPositionAt, positionTimeMs } from "../../../src/domain/position.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { testSeed } from "../../support/seed.ts"
import { installTestClock, rewriteFunction, type TestClock } from "../../support/test-clock.ts"
import { insertEvent } from "./insert-event.ts"

const SESSIONS = 16
const HOUR_MS = 3_600_000
const seed = testSeed()

/** What one insert got, and when it was under way, by this process's clock. */
interface Given {
  readonly positions: readonly bigint[]
  readonly startedMs: number
  readonly endedMs: number
}

/** `rows` events in one statement. */
async function insertMany(sql: Sql, rows: number): Promise<Given> {
  const startedMs = performance.now()
  const given = await sql<{ seq: bigint }[]>`
    insert into reconciler.outbox (type, subject, payload)
    select 'unblock-ip.requested', ${Buffer.alloc(32, 7)}, '{}' from generate_series(1, ${rows}) returning seq`
  return { positions: given.map(row => row.seq), startedMs, endedMs: performance.now() }
}

/** Positions that are not above every position of an insert that had ended before theirs began. */
function inversions(inserts: readonly Given[]): number {
  const byStart = inserts.toSorted((left, right) => left.startedMs - right.startedMs)
  const byEnd = inserts.toSorted((left, right) => left.endedMs - right.endedMs)
  let highestEnded = 0n
  let ended = 0
  let found = 0
  for (const { positions, startedMs } of byStart) {
    for (; byEnd[ended] && byEnd[ended]!.endedMs < startedMs; ended += 1) {
      for (const position of byEnd[ended]!.positions) if (position > highestEnded) highestEnded = position
    }
    let previous = highestEnded
    for (const position of positions) {
      if (position <= previous) found += 1
      previous = position
    }
  }
  return found
}

describe("the hybrid clock", () => {
  let database: TestDatabase
  let sql: Sql
  let clock: TestClock
  beforeEach(async () => {
    database = await createTestDatabase({ max: SESSIONS + 2 })
    sql = database.sql
    clock = await installTestClock(sql, Date.now())
    return () => database.drop()
  })

  async function strayClock(random: Random, inserting: () => boolean): Promise<void> {
    while (inserting()) {
      const stepMs = random.pick([1, 1, 1, 5, random.below(3 * HOUR_MS), -HOUR_MS, HOUR_MS])
      await clock.set(clock.nowMs() + stepMs)
    }
  }

  test(`gives unique positions, rising over ${SESSIONS} sessions, while it steps by hours (TEST_SEED=${seed})`, async () => {
    const random = seededRandom(seed)
    let running = SESSIONS
    const session = async () => {
      const inserts: Given[] = []
      while (inserts.length < 60) inserts.push(await insertMany(sql, 1 + random.below(5)))
      running -= 1
      return inserts
    }
    const sessions = Array.from({ length: SESSIONS }, session)
    await strayClock(random, () => running > 0)
    const inserts = (await Promise.all(sessions)).flat()
    const positions = inserts.flatMap(insert => insert.positions)
    expect(new Set(positions).size).toBe(positions.length)
    expect(inversions(inserts)).toBe(0)
  })

  test(`follows foreign versions meanwhile, each below the next position (TEST_SEED=${seed})`, async () => {
    const random = seededRandom(seed)
    let running = true
    const inserting = Promise.all(
      Array.from({ length: 4 }, async () => {
        const inserts: Given[] = []
        while (running) inserts.push(await insertMany(sql, 3))
        return inserts
      }),
    )
    try {
      for (let round = 0; round < 100; round += 1) {
        // From a few positions to a minute ahead: both ways of raising.
        const aheadMs = random.chance(0.5) ? random.below(2000) / 1000 : random.below(60_000)
        const [row] = await sql<{ last: bigint }[]>`select last_value as last from reconciler.outbox_position`
        const foreign = row!.last + BigInt(Math.ceil(aheadMs * 4096)) * 1024n + 7n
        await clock.set(positionTimeMs(foreign) - 1000)
        expect(await raisePosition(sql, foreign)).toBe(true)
        const [position] = (await insertMany(sql, 1)).positions
        expect(position).toBeGreaterThan(foreign)
      }
    } finally {
      running = false
    }
    expect(inversions((await inserting).flat())).toBe(0)
  })

  test("keeps the app's inserts alive years ahead of and behind the partitions", async () => {
    for (const years of [-2, 5, -1, 30]) {
      await clock.set(Date.now() + years * 365 * 24 * HOUR_MS)
      await insertEvent(sql)
    }
    const [row] = await sql`select count(*)::int as count from reconciler.outbox`
    expect(row).toEqual({ count: 4 })
  })

  test("gives a long transaction's later positions above all that others committed meanwhile", async () => {
    await sql.begin(async tx => {
      const early = await insertEvent(tx)
      const others: bigint[] = []
      for (const step of [1, HOUR_MS, -2 * HOUR_MS]) {
        await clock.set(clock.nowMs() + step)
        others.push(await insertEvent(sql))
      }
      const late = await insertEvent(tx)
      expect([early, ...others, late]).toEqual([early, ...others, late].toSorted((a, b) => (a < b ? -1 : 1)))
    })
  })

  describe("when the session that raises it is held up between its look and its set", () => {
    const HELD_UP_S = 1
    let start: bigint

    /** 3,000 positions below the clock, which stands still: the others pass it while the raising session sleeps. */
    beforeEach(async () => {
      await rewriteFunction(
        sql,
        "raise_sequence",
        "PERFORM setval('reconciler.outbox_position'",
        `PERFORM pg_sleep(${HELD_UP_S}), setval('reconciler.outbox_position'`,
      )
      start = lowestPositionAt(clock.nowMs()) - 3000n * 1024n
      await sql`select setval('reconciler.outbox_position', ${start})`
    })

    const insertMeanwhile = () =>
      Promise.all(Array.from({ length: 8 }, () => insertMany(sql, 1_000))).then(inserts => inserts.flat())

    test("is not set back: no position twice, all rising, and the others went on up to its margin", async () => {
      const inserts = await insertMeanwhile()
      const positions = inserts.flatMap(insert => insert.positions)
      expect(new Set(positions).size).toBe(8_000)
      expect(inversions(inserts)).toBe(0)
      const before = positions.filter(position => position < lowestPositionAt(clock.nowMs()))
      expect(before.length).toBeGreaterThan(900)
    })

    test("would be set back without the wait at the margin", async () => {
      await rewriteFunction(sql, "next_position", "IF ahead > 0 AND", "IF false AND")
      await expect(insertMeanwhile()).rejects.toMatchObject({ code: "23505" })
    })

    test("goes on when that session is cancelled", async () => {
      const cancelled = sql.begin(async tx => {
        await tx`set local statement_timeout = 300`
        await insertEvent(tx)
      })
      await expect(cancelled).rejects.toMatchObject({ code: "57014" })
      // With a clock that stepped back nobody raises again: who comes to the margin clears what was left behind.
      await clock.set(clock.nowMs() - HOUR_MS)
      const inserts = await insertMeanwhile()
      const [aim] = await sql`select last_value as at from reconciler.outbox_aim`
      expect(aim).toEqual({ at: 0n })
      expect(new Set(inserts.flatMap(insert => insert.positions)).size).toBe(8_000)
    })
  })

  test(`loses neither order nor its lock to cancelled statements (TEST_SEED=${seed})`, async () => {
    const random = seededRandom(seed)
    const inserts: Given[] = []
    let cancelled = 0
    const session = async () => {
      for (let round = 0; round < 15; round += 1) {
        await clock.set(clock.nowMs() + 1)
        await sql
          .begin(async tx => {
            await tx`select set_config('statement_timeout', ${String(1 + random.below(40))}, true)`
            const startedMs = performance.now()
            const given = await tx<{ seq: bigint }[]>`
              insert into reconciler.outbox (type, subject, payload)
              select 'x', ${Buffer.alloc(32)}, '{}' from generate_series(1, 300) returning seq`
            inserts.push({ positions: given.map(row => row.seq), startedMs, endedMs: performance.now() })
          })
          .catch((error: { code?: string }) => {
            if (error.code !== "57014") throw error
            cancelled += 1
          })
      }
    }
    await Promise.all(Array.from({ length: 8 }, session))
    expect(cancelled).toBeGreaterThan(0)
    expect(inserts.length).toBeGreaterThan(0)
    expect(inversions(inserts)).toBe(0)
    const locks = await sql`
      select from pg_locks where locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())`
    expect(locks).toHaveLength(0)
    await clock.set(clock.nowMs() + HOUR_MS)
    expect(positionTimeMs(await insertEvent(sql))).toBe(clock.nowMs())
  })
})
