import { Admin } from "@platformatic/kafka"
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest"
import { ensureTopics } from "../../src/adapters/kafka/ensure-topics.ts"
import { clientOptions } from "../../src/adapters/kafka/platformatic/client.ts"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { createBusFindings } from "../../src/adapters/postgres/bus/findings.ts"
import { allTopics } from "../../src/bus/topics.ts"
import { createTestConsumers, type TestConsumers } from "../support/consumers.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { judgeDelivery, type RelayRun, startRelayRun, startWriter } from "../support/faults/relay-run.ts"
import { kafkaClient, kafkaSettings } from "../support/kafka.ts"
import { until } from "../support/until.ts"

const PARTITIONS = 5

describe.each(KAFKA_CLIENTS)("a topic that is deleted under relay and consumers over %s", client => {
  let database: TestDatabase
  let relay: RelayRun
  let consumers: TestConsumers
  let writer: ReturnType<typeof startWriter>
  beforeEach(async () => {
    database = await createTestDatabase()
    relay = await startRelayRun({
      sql: database.sql,
      databaseUrl: database.url,
      brokers: inject("kafkaBrokers"),
      client,
      settings: { TOPIC_PARTITIONS: String(PARTITIONS) },
    })
    consumers = createTestConsumers({ sql: database.sql, client, topics: relay.topics })
    consumers.start()
    writer = startWriter(database.sql)
  })
  afterEach(async () => {
    await writer.stop()
    await consumers.stop()
    await relay.stop()
    await database.drop()
  })

  async function deleteTopic(topic: string): Promise<void> {
    const admin = new Admin(clientOptions(kafkaSettings(), 5))
    try {
      await admin.deleteTopics({ topics: [topic] })
    } finally {
      await admin.close()
    }
  }

  const notTaken = async () => {
    const rows = await database.sql<{ seq: bigint }[]>`
      select seq from reconciler.outbox
      where event_id not in (select event_id from reconciler.chain_operations)`
    return rows.map(({ seq }) => seq)
  }

  const taken = async () => {
    const [row] = await database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.chain_operations`
    return row?.count ?? 0
  }

  test.each([
    { consumersAre: "running", stopped: false },
    { consumersAre: "not running", stopped: true },
  ])(
    "is made anew and told in a finding; all of it is read, and what was lost comes back from the log; consumers are $consumersAre",
    async ({ stopped }) => {
      const topic = relay.topics["ip-block"]
      await until(taken, count => count > 300)
      if (stopped) await consumers.stop()
      await deleteTopic(topic)
      const findings = createBusFindings(database.sql)
      const found = await until(
        () => findings.list(),
        all => all.some(({ finding }) => finding === "topic-recreated"),
        30_000,
      )
      expect(found.map(({ finding, about }) => `${finding} ${about}`)).toContain(`topic-recreated ${topic}`)
      // More than there was before: an offset of the old topic is one in the middle of the new.
      const before = writer.appended()
      await until(writer.appended, count => count > before + 500)
      const appended = await writer.stop()
      await relay.caughtUp()
      const shape = { partitions: PARTITIONS, replicationFactor: 1 }
      expect(await ensureTopics(kafkaClient(), allTopics(relay.topics), shape)).toEqual({
        created: [],
        mismatched: [],
      })
      const sinceThen = await judgeDelivery(database.sql, relay.topics, inject("kafkaBrokers"))
      expect(sinceThen).toMatchObject({ logged: appended, inverted: [] })
      if (stopped) consumers.start()
      // Of what stands in the new topic nothing is left out.
      await until(
        notTaken,
        positions => positions.every(position => sinceThen.lost.includes(position)),
        30_000,
      )
      // The runbook's remedy: what was in the topic is still in the log.
      await relay.stop()
      await database.sql`update reconciler.relay_cursor set position = 0`
      const again = await startRelayRun({
        sql: database.sql,
        databaseUrl: database.url,
        brokers: inject("kafkaBrokers"),
        client,
        settings: { TOPIC_PARTITIONS: String(PARTITIONS), TOPIC_PREFIX: topic.replace(".ip-block", "") },
      })
      try {
        await again.caughtUp()
        expect(await judgeDelivery(database.sql, relay.topics, inject("kafkaBrokers"))).toMatchObject({
          lost: [],
        })
        await until(taken, count => count === appended, 30_000)
      } finally {
        await again.stop()
      }
    },
  )
})
