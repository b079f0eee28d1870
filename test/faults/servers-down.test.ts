import { setTimeout as wait } from "node:timers/promises"
import { afterEach, describe, expect, inject, test } from "vitest"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { migrate } from "../../src/adapters/postgres/migrate.ts"
import { createTestDatabase } from "../support/database.ts"
import { privateBrokerMissing, startPrivateBroker } from "../support/faults/private-broker.ts"
import { startPrivatePostgres } from "../support/faults/private-postgres.ts"
import { judgeDelivery, startRelayRun, startWriter } from "../support/faults/relay-run.ts"
import { faultScale, reportFaults } from "../support/faults/report.ts"
import { until } from "../support/until.ts"

/** A minute with `npm run test:faults`. */
const DOWN_MS = 1_000 * Number(process.env.FAULT_BROKER_DOWN_SECONDS ?? 6 * faultScale)
/** The target; told in the report and not judged here, since a busy machine is slow for reasons of its own. */
const BACK_WITHIN_MS = 2_000
/** Committed while the broker is away: what the relay keeps of it must not depend on how much there is. */
const BACKLOG = Number(process.env.FAULT_BACKLOG ?? 20_000 * Math.min(10, faultScale))
const BATCH = 2_000
/** A batch is sent and another is read, each as rows, events, messages and bytes of some 2 KiB; the rest is the heap's. */
const GROWTH_LIMIT_BYTES = 2 * 4 * BATCH * 2_048 + 300 * 1024 * 1024
const CRASHES = 2
const TIMEOUT_MS = 2 * DOWN_MS + 120_000 + 2 * BACKLOG

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** How much more memory was in use at the worst moment of `during` than before it. */
async function peakGrowth(during: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss()
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 50)
  await during().finally(() => clearInterval(watch))
  return peak - before
}

/** The milliseconds until something of what waits is published. */
async function untilFlowing(sql: Sql): Promise<number> {
  const startedMs = performance.now()
  const position = async () => {
    const [row] = await sql<{ position: bigint }[]>`select position from reconciler.relay_cursor`
    return row?.position ?? 0n
  }
  const before = await position()
  await until(position, now => now > before, 90_000)
  return performance.now() - startedMs
}

async function appendBacklog(sql: Sql): Promise<void> {
  await sql`
    insert into reconciler.outbox (type, subject, payload)
    select 'unblock-ip.requested', sha256((n % 1000)::text::bytea), '{}' from generate_series(1, ${BACKLOG}::int) n`
}

describe.skipIf(privateBrokerMissing() !== null)("a broker that is killed with -9 and comes back", () => {
  test.each(KAFKA_CLIENTS)(
    `loses and reorders nothing, and flows again at once, with %s (down for ${DOWN_MS / 1000} s)`,
    async client => {
      const broker = await startPrivateBroker()
      closers.push(() => broker.close())
      const database = await createTestDatabase()
      closers.push(() => database.drop())
      const relay = await startRelayRun({
        sql: database.sql,
        databaseUrl: database.url,
        brokers: [broker.address],
        client,
        settings: { RELAY_BATCH_SIZE: String(BATCH) },
      })
      closers.push(() => relay.stop())
      const writer = startWriter(database.sql)
      closers.push(() => writer.stop())
      await until(writer.appended, count => count > 100)
      await relay.caughtUp()

      const growth = await peakGrowth(async () => {
        await broker.kill()
        const downSinceMs = performance.now()
        await appendBacklog(database.sql)
        await wait(Math.max(0, DOWN_MS - (performance.now() - downSinceMs)))
      })
      expect(await relay.waiting()).toBeGreaterThanOrEqual(Math.min(BACKLOG, 100_000))
      await broker.start()
      let recoveryMs = 0
      const growthAfter = await peakGrowth(async () => {
        recoveryMs = await untilFlowing(database.sql)
        await relay.caughtUp(60_000 + BACKLOG)
      })
      const appended = (await writer.stop()) + BACKLOG
      await relay.caughtUp()

      const delivery = await judgeDelivery(database.sql, relay.topics, [broker.address])
      const figures = {
        downMs: DOWN_MS,
        events: appended,
        repeated: delivery.delivered - delivery.logged,
        withinTarget: Number(recoveryMs < BACK_WITHIN_MS),
        growthMb: Math.round(growth / 1024 / 1024),
        growthAfterMb: Math.round(growthAfter / 1024 / 1024),
      }
      const injected = { "broker kill -9": 1 }
      reportFaults(`broker killed, relay over ${client}`, injected, { recoveriesMs: [recoveryMs], figures })
      expect(delivery).toMatchObject({ logged: appended, lost: [], inverted: [] })
      expect(growth).toBeLessThan(GROWTH_LIMIT_BYTES)
      expect(growthAfter).toBeLessThan(GROWTH_LIMIT_BYTES)
    },
    TIMEOUT_MS,
  )
})

test(
  "a PostgreSQL that is stopped at once and comes back: nothing lost, nothing inverted, flows again at once",
  async () => {
    const server = await startPrivatePostgres()
    closers.push(() => server.close())
    const sql = openDatabase({ url: server.url, max: 8, applicationName: "test" })
    closers.push(() => closeDatabase(sql))
    await migrate(sql)
    const brokers = inject("kafkaBrokers")
    const relay = await startRelayRun({ sql, databaseUrl: server.url, brokers, client: "kafkajs" })
    closers.push(() => relay.stop())
    const writer = startWriter(sql)
    closers.push(() => writer.stop())
    const recoveriesMs: number[] = []
    for (let crash = 0; crash < CRASHES * faultScale; crash += 1) {
      const before = writer.appended()
      await until(writer.appended, count => count > before + 100, 30_000)
      await server.crash()
      await wait(DOWN_MS / 2)
      await server.start()
      const startedMs = performance.now()
      const published = await relay.caughtUp(30_000).then(() => performance.now() - startedMs)
      recoveriesMs.push(published)
    }
    await writer.stop()
    await relay.caughtUp()
    const delivery = await judgeDelivery(sql, relay.topics, brokers)
    reportFaults(
      "PostgreSQL stopped at once, under the relay",
      { "PostgreSQL stopped, under the relay": recoveriesMs.length },
      {
        recoveriesMs,
        figures: {
          events: delivery.logged,
          withinTarget: recoveriesMs.filter(ms => ms < BACK_WITHIN_MS).length,
        },
      },
    )
    expect(delivery).toMatchObject({ lost: [], inverted: [] })
  },
  TIMEOUT_MS * faultScale,
)
