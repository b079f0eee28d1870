import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { fillHistory } from "../../../bench/chain/history.ts"
import { closeDatabase, openDatabase } from "../../../src/adapters/postgres/client.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, event } from "../../support/event-builders.ts"
import { until } from "../../support/until.ts"

/** From here on no plan finds a look through all of it cheap, if it knows what it wants. */
const HISTORY = 100_000
const BACKLOG = 1_000
const BATCH = 50
/** For each operation: inserted, claimed, included, final, and looked at in between. What counts is that it is a constant. */
const MOST_READS = 12

/**
 * Statistics from a quiet hour, when nothing waited, make the planner think that no operation is unfinished. What it then
 * finds cheap must not be to read all that waits, or all there ever was, for each batch.
 */
describe("a backlog beside a long history", () => {
  let database: TestDatabase
  let bench: ChainWriterBench

  beforeAll(async () => {
    database = await createTestDatabase()
    // The counters tell of a session when it has ended.
    const before = openDatabase({ url: database.url, max: 1, applicationName: "history" })
    await fillHistory(before, HISTORY)
    await closeDatabase(before)
    const sql = openDatabase({ url: database.url, max: 4, applicationName: "counted" })
    bench = await openChainWriterBench({ database: { ...database, sql, drop: () => closeDatabase(sql) } })
  }, 120_000)
  afterAll(() => database.drop())

  it("is worked off without a look through either", async () => {
    const before = await until(reads, now => now.inserted >= HISTORY)
    const writer = bench.newWriter(await bench.chain.newWriter(), { maxRecords: BATCH, leaseMs: 60_000 })
    await bench.requested(
      ...Array.from({ length: BACKLOG }, () => event("register-patient.requested", anySubject())),
    )
    const { signal } = new AbortController()
    for (let batches = 0; batches < BACKLOG / BATCH; ) batches += await writer.tick(signal)
    await until(
      async () => {
        await writer.tick(signal)
        return bench.database.sql`
          select from reconciler.chain_operations where state in ('pending', 'claimed', 'included') limit 1`
      },
      left => left.length === 0,
    )
    await bench.close()
    const after = await until(reads, now => now.inserted >= before.inserted + BACKLOG)
    expect(after.scanned - before.scanned).toBe(0)
    expect((after.unfinished - before.unfinished) / BACKLOG).toBeLessThan(MOST_READS)
  })

  async function reads() {
    const [row] = await database.sql<{ scanned: number; unfinished: number; inserted: number }[]>`
      select
        (select sum(seq_scan)::int from pg_stat_user_tables
         where schemaname = 'reconciler' and relname in ('chain_operations', 'chain_transaction_operations'))
          as scanned,
        (select sum(idx_tup_read)::int from pg_stat_user_indexes
         where schemaname = 'reconciler' and indexrelname like 'chain_operations_%' and indexrelname <> 'chain_operations_pkey')
          as unfinished,
        (select n_tup_ins::int from pg_stat_user_tables
         where schemaname = 'reconciler' and relname = 'chain_operations') as inserted`
    if (!row) throw new Error("no counters")
    return row
  }
})
