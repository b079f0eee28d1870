import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { withAdmin } from "../../../src/adapters/kafka/kafkajs/admin.ts"
import { createKafkaClient } from "../../../src/adapters/kafka/kafkajs/client.ts"
import { KAFKA_CLIENTS } from "../../../src/adapters/kafka/settings.ts"
import { moveOffset, readOffset } from "../../../src/adapters/postgres/consumer-offsets.ts"
import type { BatchOutcome, EventBatch } from "../../../src/bus/consume.ts"
import { toMessage } from "../../../src/bus/envelope.ts"
import { runConsumer } from "../../../src/bus/run-consumer.ts"
import { toLogged } from "../../../src/domain/event.ts"
import type { EventPublisher } from "../../../src/relay/ports.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, unblockRequested } from "../../support/event-builders.ts"
import { anyGroup, createTestTopics, kafkaClient, kafkaSettings } from "../../support/kafka.ts"
import { until } from "../../support/until.ts"

describe.each(KAFKA_CLIENTS)("a consumer that keeps its offsets in Postgres, with %s", name => {
  let database: TestDatabase
  let topic: string
  let publisher: EventPublisher
  let groupId: string
  let malformed: number
  let running: (() => Promise<void>)[]
  beforeEach(async () => {
    running = []
    malformed = 0
    database = await createTestDatabase()
    await database.sql`create table public.seen (event_id uuid primary key, times int not null)`
    topic = (await createTestTopics())["ip-block"]
    publisher = kafkaClient(name).publisher()
    groupId = anyGroup()
  })
  afterEach(async () => {
    await Promise.all(running.map(stop => stop()))
    await publisher.close()
    await database.drop()
  })

  async function publish(count: number): Promise<void> {
    const events = Array.from({ length: count }, () => unblockRequested(anySubject()))
    await publisher.publish(events.map(event => toMessage(toLogged(event), topic)))
  }

  /** Effects and offset in one transaction, as every stage does it. */
  async function store(batch: EventBatch): Promise<BatchOutcome> {
    malformed += batch.malformed.length
    return database.sql.begin(async tx => {
      if (!(await moveOffset(tx, batch))) return { outcome: "moved" } as const
      for (const { eventId } of batch.events) {
        await tx`insert into public.seen values (${eventId}, 1)
          on conflict (event_id) do update set times = seen.times + 1`
      }
      return { outcome: "stored" } as const
    })
  }

  async function begin(nextOffset: bigint): Promise<void> {
    for (const partition of [0, 1, 2]) {
      const step = { consumerGroup: groupId, topic, partition, storedOffset: null, nextOffset }
      await moveOffset(database.sql, step)
    }
  }

  function start(handle: (batch: EventBatch) => Promise<BatchOutcome> = store): () => Promise<void> {
    const stop = new AbortController()
    const ended = runConsumer({
      subscription: kafkaClient(name).subscription(),
      groupId,
      topics: [topic],
      offsets: { storedOffset: (group, from, partition) => readOffset(database.sql, group, from, partition) },
      handle,
      logger: silentLogger,
      clock: systemClock,
      signal: stop.signal,
    })
    const end = async () => {
      stop.abort()
      await ended
    }
    running.push(end)
    return end
  }

  async function seen(): Promise<{ events: number; times: number }> {
    const [row] = await database.sql<[{ events: number; times: number }]>`
      select count(*)::int as events, coalesce(sum(times), 0)::int as times from public.seen`
    return { events: row.events, times: row.times }
  }
  const seenAll = (events: number) => until(seen, answer => answer.events === events)

  test("handles each message once while members come and go", async () => {
    await publish(200)
    const stopFirst = start()
    await until(seen, ({ events }) => events > 0)
    const stopSecond = start()
    await publish(200)
    await seenAll(400)
    await stopFirst()
    await publish(200)
    await seenAll(600)
    await stopSecond()
    start()
    await publish(100)
    await seenAll(700)
    expect((await seen()).times).toBe(700)
  })

  test("handles again what a database that went back in time has lost", async () => {
    await publish(100)
    const stop = start()
    await seenAll(100)
    await stop()
    await database.sql`truncate public.seen`
    await database.sql`update reconciler.consumer_offsets set next_offset = 0 where consumer_group = ${groupId}`
    start()
    await seenAll(100)
  })

  test("goes on over records that no consumer may see", async () => {
    await publish(30)
    const stop = start()
    await seenAll(30)
    const producer = createKafkaClient(kafkaSettings(), 5).producer({
      transactionalId: groupId,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    for (const partition of [0, 1, 2]) {
      const undone = await producer.transaction()
      // More than one fetch takes, so that a fetch has nothing else.
      await undone.send({ topic, messages: [{ partition, key: "k", value: "x".repeat(700_000) }] })
      await undone.abort()
    }
    await producer.disconnect()
    await publish(30)
    await seenAll(60)
    await stop()
    start()
    await publish(30)
    await seenAll(90)
    expect((await seen()).times).toBe(90)
    expect(malformed, "records of aborted transactions").toBe(0)
  })

  test("goes on after messages that retention took", async () => {
    await publish(90)
    const oldest = [5n, 5n, 5n]
    await withAdmin(kafkaSettings(), async admin => {
      // Without having asked for the topic, kafkajs does not find it.
      await admin.fetchTopicOffsets(topic)
      const partitions = oldest.map((offset, partition) => ({ partition, offset: offset.toString() }))
      await admin.deleteTopicRecords({ topic, partitions })
    })
    await begin(2n)
    start()
    await seenAll(75)
    expect((await seen()).times).toBe(75)
  })

  test("reads what there is when the broker has less than was read", async () => {
    await publish(60)
    await begin(1_000n)
    start()
    await seenAll(60)
    await publish(30)
    await seenAll(90)
  })

  test("goes on when the handler fails for a while", async () => {
    await publish(60)
    let failures = 3
    start(async batch => {
      if (failures > 0) {
        failures -= 1
        throw new TypeError("the database went away")
      }
      return store(batch)
    })
    await seenAll(60)
    expect((await seen()).times).toBe(60)
  })
})
