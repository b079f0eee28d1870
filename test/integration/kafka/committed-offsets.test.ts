import { Admin } from "@platformatic/kafka"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { consumerLag, type PartitionLag } from "../../../src/adapters/kafka/lag.ts"
import { clientOptions } from "../../../src/adapters/kafka/platformatic/client.ts"
import { KAFKA_CLIENTS } from "../../../src/adapters/kafka/settings.ts"
import type { Topics } from "../../../src/bus/topics.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import {
  CONSUMERS,
  createTestConsumers,
  judgeRows,
  publishStory,
  type TestConsumers,
  untilWhole,
} from "../../support/consumers.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { createTestTopics, kafkaClient, kafkaSettings } from "../../support/kafka.ts"
import { until } from "../../support/until.ts"

const SUBJECTS = 60

type Loss = (admin: Admin, groupId: string, places: readonly PartitionLag[]) => Promise<unknown>

const resetTo =
  (offsetOf: (place: PartitionLag) => bigint): Loss =>
  (admin, groupId, places) =>
    admin.alterConsumerGroupOffsets({
      groupId,
      topics: [...Map.groupBy(places, ({ topic }) => topic)].map(([name, ofTopic]) => ({
        name,
        partitionOffsets: ofTopic.map(place => ({ partition: place.partition, offset: offsetOf(place) })),
      })),
    })

/** What happens to what a group has committed to Kafka. */
const LOSSES: Readonly<Record<string, Loss>> = {
  "are deleted with the group": (admin, groupId) => admin.deleteGroups({ groups: [groupId] }),
  "are reset to the beginning": resetTo(() => 0n),
  "are reset to the end": resetTo(({ endOffset }) => endOffset),
}

describe.each(KAFKA_CLIENTS)("intake and projector over %s, when Kafka's committed offsets", client => {
  let database: TestDatabase
  let topics: Topics
  let consumers: TestConsumers
  let events: EventRecord[]

  beforeEach(async () => {
    events = []
    database = await createTestDatabase()
    topics = await createTestTopics()
    consumers = createTestConsumers({ sql: database.sql, client, topics })
  })
  afterEach(async () => {
    await consumers.stop()
    await database.drop()
  })

  async function publish(): Promise<void> {
    events.push(...(await publishStory(client, topics, SUBJECTS)))
  }

  const lags = async () => {
    const groups = CONSUMERS.map(name =>
      consumerLag(kafkaClient(client), [consumers.groups[name]], consumers.topics[name]),
    )
    return (await Promise.all(groups)).flat()
  }

  /** Kafka refuses as long as it has not noticed that the group's members are gone. */
  async function lose(loss: Loss): Promise<void> {
    const admin = new Admin(clientOptions(kafkaSettings(), 5))
    try {
      const places = await lags()
      for (const groupId of Object.values(consumers.groups)) {
        const ofGroup = places.filter(place => place.groupId === groupId)
        await until(
          () => loss(admin, groupId, ofGroup).then(() => "done", String),
          answer => answer === "done",
          30_000,
        )
      }
    } finally {
      await admin.close()
    }
  }

  test.each(Object.entries(LOSSES))("%s: nothing is lost, and nothing handled twice", async (_name, loss) => {
    consumers.start()
    await publish()
    await untilWhole(database.sql, events)
    await until(lags, places => places.every(({ lag }) => lag === 0n))
    await consumers.stop()
    const before = await lags()
    // What waits is what an offset at the end would skip.
    await publish()
    await lose(loss)
    expect((await lags()).map(({ committed }) => committed)).not.toEqual(
      before.map(({ committed }) => committed),
    )
    consumers.start()
    await untilWhole(database.sql, events)
    await until(lags, places => places.every(({ lag }) => lag === 0n))
    const found = await judgeRows(database.sql, events)
    expect(found).toMatchObject({ operations: found?.expected.length, views: found?.expected.length })
    expect(found?.rows).toEqual(found?.expected)
    expect(consumers.handled.projector.toSorted()).toEqual(events.map(({ eventId }) => eventId).toSorted())
    expect(new Set(consumers.handled.intake).size).toBe(consumers.handled.intake.length)
  })
})
