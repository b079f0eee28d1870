import { setTimeout as wait } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest"
import { ensureTopics } from "../../src/adapters/kafka/ensure-topics.ts"
import { KAFKA_CLIENTS, type KafkaClientName } from "../../src/adapters/kafka/settings.ts"
import { allTopics } from "../../src/bus/topics.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { subjectBytes } from "../../src/domain/subject.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { anySubject } from "../support/event-builders.ts"
import { type KafkaProxy, type ProduceFault, startKafkaProxy } from "../support/faults/kafka-proxy.ts"
import { judgeDelivery, type RelayRun, startRelayRun, startWriter } from "../support/faults/relay-run.ts"
import { faultScale, reportFaults } from "../support/faults/report.ts"
import { kafkaClient } from "../support/kafka.ts"
import { testSeed } from "../support/seed.ts"
import { until } from "../support/until.ts"

const seed = testSeed()
const FAULTS = 20 * faultScale
const OUTAGES = 2 * faultScale
/** Longer than the backoff of whoever tries again takes to reach its limit. */
const OUTAGE_MS = 4_000
/** The target; told in the report and not judged here, since a busy machine is slow for reasons of its own. */
const BACK_WITHIN_MS = 2_000
const NOT_LEADER_OR_FOLLOWER = 6
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
const KAFKA_STORAGE_ERROR = 56
const TIMEOUT_MS = 60_000 * faultScale + 60_000

const KINDS: readonly [ProduceFault, ...ProduceFault[]] = [
  { kind: "lost-answer" },
  { kind: "cut-request" },
  { kind: "error", code: NOT_LEADER_OR_FOLLOWER },
  { kind: "error", code: NOT_ENOUGH_REPLICAS_AFTER_APPEND },
  { kind: "error", code: KAFKA_STORAGE_ERROR },
]

describe.each(KAFKA_CLIENTS)(`the relay over %s, with a broker in trouble (TEST_SEED=${seed})`, client => {
  let database: TestDatabase
  let proxy: KafkaProxy
  let relay: RelayRun
  let writer: ReturnType<typeof startWriter>
  beforeEach(async () => {
    const [broker = ""] = inject("kafkaBrokers")
    database = await createTestDatabase()
    proxy = await startKafkaProxy(broker)
    relay = await start(client, proxy.address)
    writer = startWriter(database.sql)
  })
  afterEach(async () => {
    await writer.stop()
    await relay.stop()
    await proxy.close()
    await database.drop()
  })

  const start = (name: KafkaClientName, broker: string) =>
    startRelayRun({ sql: database.sql, databaseUrl: database.url, brokers: [broker], client: name })

  async function expectAllDelivered(): Promise<void> {
    const appended = await writer.stop()
    await relay.caughtUp()
    const delivery = await judgeDelivery(database.sql, relay.topics, inject("kafkaBrokers"))
    expect(delivery).toMatchObject({ logged: appended, lost: [], inverted: [] })
  }

  test(
    "loses and reorders nothing while answers are lost, requests cut and errors told",
    async () => {
      const random = seededRandom(seed)
      for (let done = 0; done < FAULTS; done += 1) {
        const before = proxy.produced
        // Sometimes more often in a row than a client tries by itself, so that the relay has to begin anew.
        const inTurn = Array.from({ length: 1 + random.below(5) }, () => random.pick(KINDS))
        proxy.fault(random.below(3), ...inTurn)
        await until(
          () => proxy.produced,
          count => count >= before + inTurn.length + 3,
          30_000,
        )
      }
      await expectAllDelivered()
      reportFaults(`relay over ${client}`, proxy.injected, { seed })
    },
    TIMEOUT_MS,
  )

  test(
    "loses and reorders nothing when the broker takes a request and never answers",
    async () => {
      const before = proxy.produced
      proxy.fault(1, { kind: "silence" })
      // The request's own time has to run out, and longer than that nobody waits.
      await until(
        () => proxy.produced,
        count => count >= before + 5,
        60_000,
      )
      await expectAllDelivered()
      reportFaults(`silence, relay over ${client}`, proxy.injected)
      expect(proxy.injected.get("silence")).toBe(1)
    },
    TIMEOUT_MS,
  )

  test(
    "goes on by itself after the broker's return",
    async () => {
      const recoveriesMs: number[] = []
      await until(relay.waiting, count => count === 0)
      for (let outage = 0; outage < OUTAGES; outage += 1) {
        proxy.reachable(false)
        await wait(OUTAGE_MS)
        const before = proxy.produced
        const returnedMs = performance.now()
        proxy.reachable(true)
        await until(
          () => proxy.produced,
          count => count > before,
        )
        recoveriesMs.push(performance.now() - returnedMs)
      }
      await expectAllDelivered()
      reportFaults(
        `outages, relay over ${client}`,
        { "broker unreachable": OUTAGES },
        {
          recoveriesMs,
          figures: { withinTarget: recoveriesMs.filter(ms => ms < BACK_WITHIN_MS).length },
        },
      )
    },
    TIMEOUT_MS,
  )
})

test.each(KAFKA_CLIENTS)(
  "an event that the broker finds too large is set aside over %s, and the others of its subject flow in order",
  async client => {
    const database = await createTestDatabase()
    const brokers = inject("kafkaBrokers")
    const settings = { ON_POISON: "skip" }
    const relay = await startRelayRun({
      sql: database.sql,
      databaseUrl: database.url,
      brokers,
      client,
      settings,
    })
    try {
      const subject = anySubject()
      const before = startWriter(database.sql, [subject])
      await until(before.appended, count => count > 50)
      const [huge] = await database.sql<{ seq: bigint }[]>`
        insert into reconciler.outbox (type, subject, payload)
        values ('unblock-ip.requested', ${subjectBytes(subject)},
          jsonb_build_object('text', repeat('too long ', 300000)))
        returning seq`
      const more = before.appended() + 50
      await until(before.appended, count => count > more)
      const appended = await before.stop()
      await relay.caughtUp()
      expect(await judgeDelivery(database.sql, relay.topics, brokers)).toMatchObject({
        logged: appended + 1,
        lost: [huge?.seq],
        inverted: [],
      })
      const letters = await database.sql`
        select reason, position from reconciler.dead_letters where source = 'relay'`
      expect([...letters]).toEqual([{ reason: "message-too-large", position: huge?.seq }])
    } finally {
      await relay.stop()
      await database.drop()
    }
  },
)

test("topics that are missing are made with the configured partitions", async () => {
  const database = await createTestDatabase()
  try {
    const brokers = inject("kafkaBrokers")
    const run = await startRelayRun({
      sql: database.sql,
      databaseUrl: database.url,
      brokers,
      client: "kafkajs",
      settings: { TOPIC_PARTITIONS: "5" },
    })
    await run.stop()
    const shape = { partitions: 5, replicationFactor: 1 }
    const topics = allTopics(run.topics)
    expect(await ensureTopics(kafkaClient(), topics, shape)).toEqual({ created: [], mismatched: [] })
  } finally {
    await database.drop()
  }
})
