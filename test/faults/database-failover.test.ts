import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { consumerLag } from "../../src/adapters/kafka/lag.ts"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { readOffset } from "../../src/adapters/postgres/consumer-offsets.ts"
import { migrate } from "../../src/adapters/postgres/migrate.ts"
import type { Topics } from "../../src/bus/topics.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import {
  CONSUMERS,
  createTestConsumers,
  judgeRows,
  publishStory,
  type TestConsumers,
  untilWhole,
} from "../support/consumers.ts"
import { createTestTopics, kafkaClient } from "../support/kafka.ts"
import { embeddedBinaries } from "../support/postgres-binaries.ts"
import { createPostgresCluster, type PostgresCluster } from "../support/postgres-cluster.ts"
import { until } from "../support/until.ts"

const SUBJECTS = 60

describe.each(KAFKA_CLIENTS)("a database that fails over to an older state, with %s", client => {
  let primary: PostgresCluster
  let standby: PostgresCluster | null
  let sql: Sql
  let topics: Topics
  let consumers: TestConsumers
  let events: EventRecord[]

  beforeEach(async () => {
    standby = null
    events = []
    primary = await createPostgresCluster(embeddedBinaries())
    await primary.start()
    sql = openDatabase({ url: primary.url, max: 6, applicationName: "test" })
    await migrate(sql)
    topics = await createTestTopics()
    consumers = createTestConsumers({ sql, client, topics })
    consumers.start()
    await publish()
    await untilWhole(sql, events)
    // What a standby has that lags: all up to here.
    await primary.crash()
    standby = primary.standby()
    await primary.start()
  })
  afterEach(async () => {
    await consumers.stop()
    await closeDatabase(sql)
    await primary.remove()
    await standby?.remove()
  })

  async function publish(): Promise<void> {
    events.push(...(await publishStory(client, topics, SUBJECTS)))
  }

  async function committedToKafka() {
    const groups = CONSUMERS.map(name =>
      consumerLag(kafkaClient(client), [consumers.groups[name]], consumers.topics[name]),
    )
    return (await Promise.all(groups)).flat()
  }

  async function failOver(): Promise<void> {
    await primary.crash()
    await standby?.start()
  }

  async function expectWhole(): Promise<void> {
    await untilWhole(sql, events)
    const found = await judgeRows(sql, events)
    const all = found?.expected.length
    expect(found).toMatchObject({ operations: all, views: all })
    expect(found?.rows).toEqual(found?.expected)
  }

  test("lacks nothing afterwards, where Kafka's committed offsets would lose what it had forgotten", async () => {
    await publish()
    await untilWhole(sql, events)
    const committed = await until(committedToKafka, places => places.every(({ lag }) => lag === 0n))
    await consumers.stop()
    await failOver()
    const forgotten = await Promise.all(
      committed.map(async ({ groupId, topic, partition, committed: offset }) => {
        const stored = await readOffset(sql, groupId, topic, partition).catch(() => 0n)
        return (offset ?? 0n) > (stored ?? 0n)
      }),
    )
    expect(forgotten).toContain(true)
    consumers.start()
    await expectWhole()
  })

  test("lacks nothing afterwards when it happens under running consumers and nothing new comes", async () => {
    await publish()
    await untilWhole(sql, events)
    await failOver()
    await expectWhole()
  })

  test("lacks nothing afterwards when it happens while messages are handled", async () => {
    const before = consumers.handled.projector.length
    await Promise.all([
      publish(),
      until(
        () => consumers.handled.projector.length,
        count => count > before,
      ).then(failOver),
    ])
    await publish()
    await expectWhole()
  })
})
