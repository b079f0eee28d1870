import { afterEach, beforeEach, describe, inject, test } from "vitest"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { subjectBytes } from "../../../src/domain/subject.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject } from "../../support/event-builders.ts"
import { type RelayRun, startRelayRun } from "../../support/faults/relay-run.ts"
import { until } from "../../support/until.ts"

const MEASURED_MS = 10_000
/** For the relay to come to rest; an idle session tells the statistics what it did up to ten seconds late. */
const AT_REST_WITHIN_MS = 100_000
const MOST_STATEMENTS_A_SECOND = 2
/** A lease for production: renewing a short one is most of what an idle relay does. */
const LEASE_MS = "15000"

/** What each statement counts as here: outside of a transaction it is one. */
async function transactions(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select (xact_commit + xact_rollback)::float8 as count from pg_stat_database where datname = current_database()`
  return row?.count ?? 0
}

describe.each(["always", "never"])("an idle relay, with RELAY_NEWS=%s", news => {
  let database: TestDatabase
  let relay: RelayRun
  beforeEach(async () => {
    database = await createTestDatabase()
    const brokers = inject("kafkaBrokers")
    const { sql, url } = database
    const settings = { RELAY_NEWS: news, LEASE_MS }
    relay = await startRelayRun({ sql, databaseUrl: url, brokers, client: "platformatic", settings })
  })
  afterEach(async () => {
    await relay.stop()
    await database.drop()
  })

  test("gives the database less than two statements a second, and still sends what is written then", async () => {
    const { sql } = database
    const statementsASecond = async () => {
      const before = await transactions(sql)
      await systemClock.sleep(MEASURED_MS)
      return ((await transactions(sql)) - before - 1) / (MEASURED_MS / 1000)
    }
    await until(statementsASecond, found => found < MOST_STATEMENTS_A_SECOND, AT_REST_WITHIN_MS)
    await sql`
      insert into reconciler.outbox (type, subject, payload)
      values ('unblock-ip.requested', ${subjectBytes(anySubject())}, '{}')`
    await relay.caughtUp(20_000)
  }, 150_000)
})
