import { beforeEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { createPostgresPartitionLog } from "../../../src/adapters/postgres/event-log/ensure-partitions.ts"
import { createPostgresEventSource } from "../../../src/adapters/postgres/relay/event-source.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import type { PartitionLog } from "../../../src/outbox/ports.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { insertEvent } from "./insert-event.ts"

const DAY_MS = 86_400_000
const ROWS = Number(process.env.TEST_STRAYS ?? 100_000)
const WRITERS = 3
const LONGEST_INSERT_MS = 750

/** Weeks without a relay: three past days and today have no partition, and all their events went to the default one. */
describe("events that no day's partition took", () => {
  let database: TestDatabase
  let sql: Sql
  let log: PartitionLog
  beforeEach(async () => {
    database = await createTestDatabase({ max: WRITERS + 4 })
    sql = database.sql
    log = createPostgresPartitionLog(sql)
    const made = await sql<{ name: string }[]>`
      select inhrelid::regclass::text as name from pg_inherits
      where inhparent = 'reconciler.outbox'::regclass and inhrelid <> 'reconciler.outbox_default'::regclass`
    for (const { name } of made) await sql.unsafe(`drop table ${name}`)
    return () => database.drop()
  })

  async function addStrays(rows: number, daysAgo: number): Promise<void> {
    const from = lowestPositionAt(Date.now() - daysAgo * DAY_MS)
    await sql`
      insert into reconciler.outbox (seq, type, subject, payload)
      select ${from} + i * 1024, 'x', sha256(int4send(i)), '{}' from generate_series(1, ${rows}::int) i`
  }

  const strays = async () => {
    const [row] = await sql<[{ rows: number }]>`select count(*)::int as rows from reconciler.outbox_default`
    return row.rows
  }

  /** Insert, each a transaction, until told to stop; what was written and the longest that one took. */
  function keepWriting() {
    let running = true
    let longestMs = 0
    const written: bigint[] = []
    const loops = Array.from({ length: WRITERS }, async () => {
      while (running) {
        const startedMs = performance.now()
        written.push(await insertEvent(sql))
        longestMs = Math.max(longestMs, performance.now() - startedMs)
      }
    })
    return {
      async stop() {
        running = false
        await Promise.all(loops)
        return { written, longestMs }
      },
    }
  }

  /** Reads as the relay does, until it has so many; positions in the order they came. */
  async function follow(until: () => number | null): Promise<readonly bigint[]> {
    const session = openDatabase({ url: database.url, max: 1, applicationName: "test-follow" })
    try {
      const source = createPostgresEventSource({ sql: session, clock: systemClock })
      const seen: bigint[] = []
      for (let wanted = until(); wanted === null || seen.length < wanted; wanted = until()) {
        const events = await source.readSafe(seen.at(-1) ?? 0n, 5_000)
        seen.push(...events.map(({ position }) => position))
      }
      return seen
    } finally {
      await closeDatabase(session)
    }
  }

  test(`${ROWS} of past days and of today go to their days, beside writers and a reader that misses none`, async () => {
    for (const daysAgo of [9, 8, 1]) await addStrays(Math.floor(ROWS / 3), daysAgo)
    let total: number | null = null
    const followed = follow(() => total)
    const writers = keepWriting()
    const startedMs = performance.now()
    const result = await log.sortStrays(new AbortController().signal)
    const tookMs = performance.now() - startedMs
    const { written, longestMs } = await writers.stop()
    process.stderr.write(
      `[partition locks] sort ${ROWS} strays: ${tookMs.toFixed(0)} ms; ${written.length} inserts beside it, longest ${longestMs.toFixed(0)} ms\n`,
    )
    expect(result).toMatchObject({ outcome: "sorted", days: 4 })
    expect(await strays()).toBe(0)
    const all = await sql<{ seq: bigint }[]>`select seq from reconciler.outbox order by seq`
    expect(all).toHaveLength(3 * Math.floor(ROWS / 3) + written.length)
    total = all.length
    const seen = await followed
    expect(seen.length).toBe(total)
    expect(seen.every((position, index) => position === all[index]?.seq)).toBe(true)
    // Moving all rows under the lock takes seconds; what is left of it is the catalogue and the machine.
    expect(longestMs).toBeLessThan(LONGEST_INSERT_MS)
    await expect(sql`delete from reconciler.outbox`).rejects.toMatchObject({ code: "RC003" })
    await expect(sql`delete from reconciler.outbox_default where false`).resolves.toBeDefined()
  }, 120_000)

  test("wait while a transaction that wrote to the log is open, and hold up nobody meanwhile", async () => {
    await addStrays(10, 3)
    const { promise: release, resolve } = Promise.withResolvers<void>()
    const open = sql.begin(async tx => {
      await insertEvent(tx)
      await release
    })
    const writers = keepWriting()
    expect(await log.sortStrays(new AbortController().signal)).toEqual({ outcome: "busy" })
    const { longestMs } = await writers.stop()
    expect(longestMs).toBeLessThan(LONGEST_INSERT_MS)
    resolve()
    await open
    expect(await log.sortStrays(new AbortController().signal)).toMatchObject({ outcome: "sorted" })
    expect(await strays()).toBe(0)
  })

  test("are done with after an interruption, wherever it was", async () => {
    await addStrays(10, 3)
    // Killed while it copied.
    await sql`create table reconciler.outbox_next_default (like reconciler.outbox)`
    await sql`create table reconciler.outbox_sorting_20260131 (like reconciler.outbox)`
    expect(await log.sortStrays(new AbortController().signal)).toMatchObject({ outcome: "sorted", moved: 10 })
    // Killed after the exchange, before the former default partition was dropped.
    await sql`create table reconciler.outbox_sorted as select * from reconciler.outbox`
    expect(await log.sortStrays(new AbortController().signal)).toMatchObject({ outcome: "sorted", moved: 0 })
    const left = await sql`
      select relname from pg_class where relname ~ '^outbox_(sort|next)' and relkind = 'r'`
    expect(left).toEqual([])
  })

  test("and that the log has not are never dropped", async () => {
    await addStrays(3, 3)
    await sql`create table reconciler.outbox_sorted as select * from reconciler.outbox`
    await sql`update reconciler.outbox_sorted set seq = seq + 1 where seq = (select max(seq) from reconciler.outbox_sorted)`
    await expect(log.sortStrays(new AbortController().signal)).rejects.toThrow(
      /has an event that the log has not/,
    )
    expect((await sql`select count(*)::int as rows from reconciler.outbox_sorted`)[0]).toEqual({ rows: 3 })
  })

  test("of a day that was archived stay, and the others go", async () => {
    await addStrays(2, 3)
    await addStrays(3, 5)
    const name = (daysAgo: number) =>
      `outbox_${new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "")}`
    await sql`
      insert into reconciler.archives (partition, from_seq, to_seq, file, rows, bytes, sha256)
      values (${name(5)}, 0, 0, 'f', 0, 0, ${"0".repeat(64)})`
    expect(await log.sortStrays(new AbortController().signal)).toEqual({
      outcome: "sorted",
      moved: 2,
      days: 1,
    })
    expect(await strays()).toBe(3)
    expect(await log.sortStrays(new AbortController().signal)).toMatchObject({ outcome: "sorted", moved: 0 })
    expect(await strays()).toBe(3)
  })
})
