import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { readChainWriterStatus } from "../../../src/adapters/postgres/chain-writer/status.ts"
import type { AnySql, Sql } from "../../../src/adapters/postgres/client.ts"
import { readReadModelStatus } from "../../../src/adapters/postgres/projector/status.ts"
import {
  countChainWriter,
  countEvents,
  countProjector,
  countWriteBack,
} from "../../../src/adapters/postgres/stage-counts.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"

const MANY = 250_000
const COUNTED = 100_000

describe("what status counts of each stage", () => {
  let database: TestDatabase
  let sql: Sql
  beforeEach(async () => {
    database = await createTestDatabase()
    sql = database.sql
  })
  afterEach(() => database.drop())

  /** Operations with results, of which the last `open` have none; every tenth a block that has expired. */
  async function operations(rows: number, open: number): Promise<void> {
    await sql`
      insert into reconciler.operation_views (position, subject, event_id, kind, requested_at, result, result_seq,
        expires_at, expired_seq, removed_seq)
      select i, sha256(int4send(i)), gen_random_uuid(), case when i % 10 = 0 then 'block-ip' else 'register-patient' end,
        now() - interval '1 minute', case when i <= ${rows - open} then 'confirmed' end,
        case when i <= ${rows - open} then i end, case when i % 10 = 0 then now() end,
        case when i % 10 = 0 then i end, case when i % 20 = 0 then i end
      from generate_series(1, ${rows}::int) i`
    await sql`
      insert into reconciler.chain_operations (event_id, position, type, kind, subject, word, state, result, outcome, final_at)
      select event_id, position, 'patient', 'register-patient', subject, ${Buffer.alloc(32)},
        case when result is null then 'pending' else 'final' end, result,
        case when result is not null then 'Applied' end, case when result is not null then now() end
      from reconciler.operation_views`
    await sql`
      insert into reconciler.outbox (type, subject, payload)
      select 'x', subject, '{}' from reconciler.operation_views`
    for (const table of ["operation_views", "chain_operations", "outbox"]) {
      await sql.unsafe(`vacuum analyze reconciler.${table}`)
    }
  }

  test("agrees with a count of everything while that is small", async () => {
    await operations(1_000, 37)
    const { counts, timers, awaitingRemoval } = await readReadModelStatus(sql)
    const projector = await countProjector(sql)
    const { requested, ...resulted } = counts
    expect(projector.done).toBe(Object.values(resulted).reduce((sum, count) => sum + count, 0))
    expect(projector.waiting).toBe(requested + timers.due + timers.running)
    expect(projector.oldestAgeMs).toBeGreaterThanOrEqual(60_000)
    const chain = await readChainWriterStatus(sql)
    expect(await countChainWriter(sql)).toMatchObject({ done: chain.final, waiting: chain.pending })
    expect(await countWriteBack(sql)).toEqual({ done: 0, waiting: awaitingRemoval, oldestAgeMs: null })
    expect(await countEvents(sql)).toBe(1_000)
  })

  test(`of ${MANY} reads no more than it counts, and is near`, async () => {
    await operations(MANY, 1_000)
    const rowsRead = async (tx: AnySql) => {
      const [row] = await tx<[{ rows: number }]>`
        select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 as rows from pg_stat_xact_user_tables
        where schemaname = 'reconciler'`
      return row.rows
    }
    const readBy = (ask: (tx: AnySql) => Promise<unknown>) =>
      sql.begin(async tx => {
        const before = await rowsRead(tx)
        await ask(tx)
        return (await rowsRead(tx)) - before
      })
    // Twice: how many there are, and how many of those are done.
    for (const ask of [countChainWriter, countProjector, countWriteBack, countEvents]) {
      expect(await readBy(ask), ask.name).toBeLessThan(2.5 * COUNTED)
    }
    const near = (count: number, wanted: number) => Math.abs(count - wanted) < wanted / 10
    const chain = await countChainWriter(sql)
    expect(chain.waiting).toBe(1_000)
    expect(chain.done).toSatisfy((count: number) => near(count, MANY - 1_000))
    expect((await countProjector(sql)).done).toSatisfy((count: number) => near(count, MANY - 1_000))
    expect(await countEvents(sql)).toSatisfy((count: number) => near(count, MANY))
  })
})
