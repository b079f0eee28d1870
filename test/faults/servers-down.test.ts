import { setTimeout as wait } from "node:timers/promises"
import { afterEach, describe, expect, inject, test } from "vitest"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { closeDatabase, openDatabase } from "../../src/adapters/postgres/client.ts"
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
const GROWTH_LIMIT_BYTES = 100 * 1024 * 1024
const CRASHES = 2
const TIMEOUT_MS = 2 * DOWN_MS + 120_000

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

/** The milliseconds until less of the log waits than did at first. */
async function untilFlowing(waiting: () => Promise<number>): Promise<number> {
  const startedMs = performance.now()
  let most = 0
  await until(
    async () => {
      const count = await waiting().catch(() => most)
      const falls = count < most
      most = Math.max(most, count)
      return falls
    },
    Boolean,
    30_000,
  )
  return performance.now() - startedMs
}

describe.skipIf(privateBrokerMissing() !== null)("a broker that is killed with -9 and comes back", () => {
  test.each(KAFKA_CLIENTS)(
    `loses and reorders nothing, and flows again at once, with %s (down for ${DOWN_MS / 1000} s)`,
    async client => {
      const broker = await startPrivateBroker()
      closers.push(() => broker.close())
      const database = await createTestDatabase()
      closers.push(() => database.drop())
      const where = { sql: database.sql, databaseUrl: database.url, brokers: [broker.address], client }
      const relay = await startRelayRun(where)
      closers.push(() => relay.stop())
      const writer = startWriter(database.sql)
      closers.push(() => writer.stop())
      await until(writer.appended, count => count > 100)
      await relay.caughtUp()

      const growth = await peakGrowth(async () => {
        await broker.kill()
        await wait(DOWN_MS)
      })
      expect(await relay.waiting()).toBeGreaterThan(0)
      await broker.start()
      const recoveryMs = await untilFlowing(relay.waiting)
      const appended = await writer.stop()
      await relay.caughtUp()

      const delivery = await judgeDelivery(database.sql, relay.topics, [broker.address])
      const figures = {
        downMs: DOWN_MS,
        events: appended,
        repeated: delivery.delivered - delivery.logged,
        withinTarget: Number(recoveryMs < BACK_WITHIN_MS),
        growthMb: Math.round(growth / 1024 / 1024),
      }
      const injected = { "broker kill -9": 1 }
      reportFaults(`broker killed, relay over ${client}`, injected, { recoveriesMs: [recoveryMs], figures })
      expect(delivery).toMatchObject({ logged: appended, lost: [], inverted: [] })
      expect(growth).toBeLessThan(GROWTH_LIMIT_BYTES)
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
