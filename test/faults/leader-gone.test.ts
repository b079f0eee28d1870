import { Admin } from "@platformatic/kafka"
import { afterEach, describe, expect, test } from "vitest"
import { clientOptions } from "../../src/adapters/kafka/platformatic/client.ts"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { allTopics } from "../../src/bus/topics.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { createTestDatabase } from "../support/database.ts"
import { privateBrokerMissing, startPrivateBroker } from "../support/faults/private-broker.ts"
import { judgeDelivery, startRelayRun, startWriter } from "../support/faults/relay-run.ts"
import { faultScale, reportFaults } from "../support/faults/report.ts"
import { until } from "../support/until.ts"

const KILLS = faultScale
/** Partitions go back to their first leader at once when it is there again, for the next round. */
const REBALANCE = "leader.imbalance.check.interval.seconds=1\nleader.imbalance.per.broker.percentage=0\n"
const TIMEOUT_MS = 240_000 + KILLS * 60_000

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

describe.skipIf(privateBrokerMissing() !== null)("two brokers, of which one is killed that leads", () => {
  test.each(KAFKA_CLIENTS)(
    "the relay over %s sends to the new leaders, and nothing is lost or inverted",
    async client => {
      const first = await startPrivateBroker({ properties: () => REBALANCE })
      closers.push(() => first.close())
      const second = await startPrivateBroker({ join: first.cluster })
      closers.push(() => second.close())
      const brokers = [first.address, second.address]
      const database = await createTestDatabase()
      closers.push(() => database.drop())
      const relay = await startRelayRun({
        sql: database.sql,
        databaseUrl: database.url,
        brokers,
        client,
        settings: { TOPIC_REPLICATION_FACTOR: "2" },
      })
      closers.push(() => relay.stop())
      const writer = startWriter(database.sql)
      closers.push(() => writer.stop())
      const admin = new Admin(
        clientOptions({ brokers: [first.address], clientId: "test", logger: silentLogger }, 5),
      )
      closers.push(() => admin.close())

      /** How many partitions the second broker leads, and whether all have both replicas. */
      async function standing() {
        const { topics } = await admin.metadata({ topics: [...allTopics(relay.topics)], forceUpdate: true })
        const partitions = [...topics.values()].flatMap(topic => topic.partitions)
        return {
          led: partitions.filter(({ leader }) => leader === 2).length,
          whole: partitions.every(({ isr }) => isr.length === 2),
        }
      }

      const recoveriesMs: number[] = []
      for (let kill = 0; kill < KILLS; kill += 1) {
        await until(standing, ({ led, whole }) => led > 0 && whole, 60_000)
        const before = writer.appended()
        await until(writer.appended, count => count > before + 100)
        await second.kill()
        const killedMs = performance.now()
        await until(standing, ({ led }) => led === 0, 60_000)
        await relay.caughtUp(60_000)
        recoveriesMs.push(performance.now() - killedMs)
        await second.start()
      }
      const appended = await writer.stop()
      await relay.caughtUp(60_000)
      const delivery = await judgeDelivery(database.sql, relay.topics, brokers)
      const repeated = delivery.delivered - delivery.logged
      reportFaults(
        `leader killed, relay over ${client}`,
        { "leader killed, under the relay": KILLS },
        { recoveriesMs, figures: { events: appended, repeated } },
      )
      expect(delivery).toMatchObject({ logged: appended, lost: [], inverted: [] })
    },
    TIMEOUT_MS,
  )
})
