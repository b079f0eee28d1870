import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { claimOperations } from "../../../src/adapters/postgres/chain-writer/claim.ts"
import { createOperationQueue } from "../../../src/adapters/postgres/chain-writer/operation-queue.ts"
import type { AnySql } from "../../../src/adapters/postgres/client.ts"
import { toOperation } from "../../../src/chain-writer/intake.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, event } from "../../support/event-builders.ts"

const HISTORY = 50_000
const BACKLOG = 10_000
const LIMIT = 256

/** Counted in rows, not in time: the same on every machine. */
describe(`with ${HISTORY} operations behind it and ${BACKLOG} of backfill before it`, () => {
  let database: TestDatabase
  beforeAll(async () => {
    // One connection: a session's counts are seen by others only when it tells them.
    database = await createTestDatabase({ max: 1 })
    const { sql } = database
    await sql`
      insert into reconciler.chain_operations
        (event_id, position, type, kind, subject, word, state, result, outcome, final_at)
      select gen_random_uuid(), n, 'patient', 'register-patient', sha256(int8send(n)), sha256(int8send(-n)), 'final',
        'confirmed', 'Applied', clock_timestamp()
      from generate_series(1, ${HISTORY}::bigint) n`
    // Statistics from a moment when nothing waits, as the server takes them in quiet hours.
    await sql`vacuum (analyze) reconciler.chain_operations`
    await sql`
      insert into reconciler.chain_operations (event_id, position, type, kind, subject, word, backfill)
      select gen_random_uuid(), ${HISTORY}::bigint + n, 'patient', 'register-patient', sha256(int8send(-n)),
        sha256(int8send(n)), true
      from generate_series(1, ${BACKLOG}::bigint) n`
  })
  afterAll(() => database.drop())

  const live = (count: number) => Array.from({ length: count }, () => request())
  function request() {
    const operation = toOperation(event("register-patient.requested", anySubject()))
    if (!operation) throw new Error("it asks for nothing")
    return operation
  }

  function accept(operations: readonly ReturnType<typeof request>[]) {
    const partition = { consumerGroup: "intake", topic: `topic-${randomUUID()}`, partition: 0 }
    const rest = { malformed: [], storedOffset: null, nextOffset: 1n }
    return createOperationQueue(database.sql).accept({ ...partition, ...rest, operations })
  }

  interface RowsRead {
    readonly scanned: number
    readonly fetched: number
  }

  async function readInTransaction(tx: AnySql): Promise<RowsRead> {
    const [row] = await tx<[RowsRead]>`
      select seq_tup_read::int as scanned, idx_tup_fetch::int as fetched from pg_stat_xact_user_tables
      where schemaname = 'reconciler' and relname = 'chain_operations'`
    return row
  }

  async function readSoFar(): Promise<RowsRead> {
    await database.sql`select pg_stat_force_next_flush()`
    const [row] = await database.sql<[RowsRead]>`
      select seq_tup_read::int as scanned, idx_tup_fetch::int as fetched from pg_stat_user_tables
      where schemaname = 'reconciler' and relname = 'chain_operations'`
    return row
  }

  it("a claim reads what it takes and little more, and the live operation is in it", async () => {
    const [operation] = live(1)
    if (!operation) throw new Error("nothing asked for")
    await accept([operation])
    await readSoFar()
    await database.sql.begin(async tx => {
      const claim = { type: "patient", limit: LIMIT, backfillShare: LIMIT / 8 } as const
      const claimed = await claimOperations(tx, claim, null)
      expect(claimed).toHaveLength(LIMIT)
      expect(claimed.map(({ eventId }) => eventId)).toContain(operation.eventId)
      const { scanned, fetched } = await readInTransaction(tx)
      expect(scanned).toBe(0)
      // Each candidate, its own entry among its subject's, and the row that is marked.
      expect(fetched).toBeLessThan(4 * LIMIT)
    })
  })

  it("intake reads the rows of its own subjects, and no table", async () => {
    const before = await readSoFar()
    expect(await accept(live(200))).toMatchObject({ added: 200 })
    const after = await readSoFar()
    expect(after.scanned - before.scanned).toBe(0)
    expect(after.fetched - before.fetched).toBeLessThan(5 * 200)
  })
})
