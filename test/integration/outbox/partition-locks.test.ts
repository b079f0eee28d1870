import { setTimeout as wait } from "node:timers/promises"
import { beforeEach, describe, expect, test } from "vitest"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { createPostgresPartitionLog } from "../../../src/adapters/postgres/event-log/ensure-partitions.ts"
import { createArchivableLog } from "../../../src/adapters/postgres/log-archive/archivable-log.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { insertEvent } from "./insert-event.ts"

const DAY = "outbox_20260131"
const [from, to] = [Date.UTC(2026, 0, 31), Date.UTC(2026, 1, 1)].map(lowestPositionAt)
const ROWS = 200_000
const OPEN_MS = 1_500

/** Inserts one event after another until `stop`; the longest that one took. */
function keepInserting(sql: Sql): { stop(): Promise<{ inserts: number; longestMs: number }> } {
  let running = true
  let inserts = 0
  let longestMs = 0
  const loop = (async () => {
    while (running) {
      const startedMs = performance.now()
      await insertEvent(sql)
      longestMs = Math.max(longestMs, performance.now() - startedMs)
      inserts += 1
    }
  })()
  return {
    async stop() {
      running = false
      await loop
      return { inserts, longestMs }
    },
  }
}

/** A transaction that wrote to the log and stays open for so long. */
async function holdLog(sql: Sql, ms: number): Promise<{ readonly ended: Promise<void> }> {
  const inserted = Promise.withResolvers<void>()
  const ended = sql
    .begin(async tx => {
      await insertEvent(tx)
      inserted.resolve()
      await wait(ms)
    })
    .then(() => undefined)
  await inserted.promise
  return { ended }
}

describe("the log's partitions come and go beside a writer", () => {
  let database: TestDatabase
  let sql: Sql
  beforeEach(async () => {
    database = await createTestDatabase()
    sql = database.sql
    await sql.unsafe(
      `create table reconciler.${DAY} partition of reconciler.outbox for values from (${from}) to (${to})`,
    )
    return () => database.drop()
  })

  async function measured(what: string, work: () => Promise<unknown>): Promise<number> {
    const writer = keepInserting(sql)
    const startedMs = performance.now()
    await work()
    const tookMs = performance.now() - startedMs
    const { inserts, longestMs } = await writer.stop()
    process.stderr.write(
      `[partition locks] ${what}: ${tookMs.toFixed(0)} ms; ${inserts} inserts beside it, longest ${longestMs.toFixed(0)} ms\n`,
    )
    return longestMs
  }

  test(`detaching and dropping ${ROWS} rows, and making a day, with a writer beside it`, async () => {
    await sql`
      insert into reconciler.outbox (seq, type, subject, payload)
      select ${from!} + i * 1024, 'x', sha256(int4send(i)), '{}' from generate_series(1, ${ROWS}::int) i`
    const log = createArchivableLog(sql)
    const archive = {
      partition: DAY,
      from: from!,
      to: to!,
      file: "none",
      rows: ROWS,
      bytes: 0,
      sha256: "0".repeat(64),
    }
    await measured("detach", async () => expect(await log.detach(DAY)).toBe("detached"))
    await measured(`drop ${ROWS} rows`, async () => expect(await log.drop(archive)).toBe("dropped"))
    await measured("make a day", async () =>
      expect(await createPostgresPartitionLog(sql).ensurePartitions(8)).toEqual({
        outcome: "ensured",
        made: 1,
      }),
    )
  })

  test("a transaction that has written and stays open is waited for in small steps", async () => {
    const log = createArchivableLog(sql)
    const { ended } = await holdLog(sql, OPEN_MS)
    const longestMs = await measured(`detach beside a writer that is open for ${OPEN_MS} ms`, async () => {
      let busy = 0
      for (; (await log.detach(DAY)) === "busy"; busy += 1) await wait(250)
      expect(busy).toBeGreaterThan(0)
    })
    await ended
    // A lock that waited for that writer would have held the inserts back for as long as it was open.
    expect(longestMs).toBeLessThan(OPEN_MS)
  })

  test("which a plain DETACH does not: every insert queues behind it", async () => {
    const { ended } = await holdLog(sql, OPEN_MS)
    const longestMs = await measured("plain DETACH beside it", () =>
      sql.unsafe(`alter table reconciler.outbox detach partition reconciler.${DAY}`),
    )
    await ended
    expect(longestMs).toBeGreaterThan(OPEN_MS / 2)
  })
})
