import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { createPostgresEventSource } from "../../src/adapters/postgres/relay/event-source.ts"
import { seededRandom } from "../../src/demo/random.ts"
import type { Position } from "../../src/domain/position.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { createTriggeringTable, waysToWrite } from "../support/faults/horizon-writers.ts"
import { byTransaction, naive, type XidRow } from "../support/faults/wrong-readers.ts"
import { testSeed } from "../support/seed.ts"
import { until } from "../support/until.ts"

const seed = testSeed()
const WRITERS = 8
const TRANSACTIONS = Number(process.env.TEST_TRANSACTIONS ?? 100)
const ways = Object.entries(waysToWrite)
const DEADLOCK_DETECTED = "40P01"
const OTHERS_END_WITHIN_MS = 50_000
const TIMEOUT_MS = 60_000 + TRANSACTIONS * 1_000

describe("8 writers that write in every way there is", () => {
  let database: TestDatabase
  let sql: Sql
  let own: Sql
  beforeEach(async () => {
    database = await createTestDatabase({ max: WRITERS + 4 })
    sql = database.sql
    own = openDatabase({ url: database.url, max: 1, applicationName: "test-horizon" })
    await createTriggeringTable(sql)
  })
  afterEach(async () => {
    await closeDatabase(own)
    await database.drop()
  })

  test(
    `the horizon gives every event once and in order; what is there loses, by transaction inverts (TEST_SEED=${seed})`,
    async () => {
      const source = createPostgresEventSource({ sql: own, clock: systemClock })
      const given: Position[] = []
      const control: Position[] = []
      const byXid: XidRow[] = []
      const passes = {
        horizon: async () => {
          const events = await source.readSafe(given.at(-1) ?? 0n, 100)
          given.push(...events.map(({ position }) => position))
        },
        naive: async () => void control.push(...(await naive(sql, control.at(-1) ?? 0n))),
        byTransaction: async () =>
          void byXid.push(...(await byTransaction(sql, byXid.at(-1) ?? { xid: 0n, seq: 0n }))),
      }
      let writing = true
      const reading = Object.values(passes).map(async pass => {
        while (writing) await pass()
      })
      const done: Record<string, number> = {}
      await Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          const random = seededRandom(seed + writer)
          for (let count = 0; count < TRANSACTIONS; count += 1) {
            const [name, write] = ways[random.below(ways.length)] ?? ways[0]!
            const connection = await sql.reserve()
            await write(connection, random).catch(error => rollBackIfDeadlocked(connection, error))
            connection.release()
            done[name] = (done[name] ?? 0) + 1
          }
        }),
      )
      writing = false
      await Promise.all(reading)
      const rows = await sql<{ seq: bigint }[]>`select seq from reconciler.outbox order by seq`
      const all = rows.map(({ seq }) => seq)
      await until(
        () => passes.horizon().then(() => given.length),
        count => count >= all.length,
      )
      for (let pass = 0; pass < 5; pass += 1) await passes.naive()
      // Transactions of the server's other databases hold this order up too.
      await until(
        () => passes.byTransaction().then(() => new Set(byXid.map(({ seq }) => seq)).size),
        count => count >= all.length,
        OTHERS_END_WITHIN_MS,
      )

      expect(Object.keys(done).sort()).toEqual(Object.keys(waysToWrite).sort())
      expect(given).toEqual(all)
      expect(control.length).toBeLessThan(all.length)
      expect(new Set(byXid.map(({ seq }) => seq)).size).toBe(all.length)
      expect(invertedIn(byXid)).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
})

/**
 * Two transactions that take several subjects in opposite orders deadlock, and the server may pick a third one that only
 * queues behind them. It is the application's to try again; here it is one more way to roll back.
 */
async function rollBackIfDeadlocked(connection: Pick<Sql, "unsafe">, error: unknown): Promise<void> {
  if (!(error instanceof Error && "code" in error && error.code === DEADLOCK_DETECTED)) throw error
  await connection.unsafe("rollback")
}

/** Events given after a later one of their subject. */
function invertedIn(rows: readonly XidRow[]): number {
  const last = new Map<string, Position>()
  let inverted = 0
  for (const { subject, seq } of rows) {
    if (seq < (last.get(subject) ?? 0n)) inverted += 1
    last.set(subject, seq)
  }
  return inverted
}
