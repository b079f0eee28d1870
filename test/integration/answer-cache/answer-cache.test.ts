import { createClient } from "@redis/client"
import { pino } from "pino"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createConsumerOffsets } from "../../../src/adapters/postgres/answer-cache/consumer-offsets.ts"
import { createRedisAnswerCache } from "../../../src/adapters/redis/answer-cache.ts"
import { createAnswerCacheConsumer } from "../../../src/answer-cache/answer-cache.ts"
import { topicsWithPrefix } from "../../../src/bus/topics.ts"
import { cachedAnswers } from "../../../src/integrations/caregrid/cached-answers.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, batchOf, blockRequested, confirmed } from "../../support/event-builders.ts"
import { type RedisServer, startRedis } from "../../support/redis-server.ts"
import { until } from "../../support/until.ts"

const groupId = "test.answer-cache"
const topics = topicsWithPrefix("test")
let redis: RedisServer
let database: TestDatabase

beforeAll(async () => {
  redis = await startRedis()
  database = await createTestDatabase()
}, 120_000)
afterAll(async () => {
  await database?.drop()
  await redis?.close()
})

test("a confirmed block is forgotten in both key forms, and waits while Redis is away", async () => {
  const cache = createRedisAnswerCache({ url: redis.url, logger: pino({ level: "silent" }) })
  const offsets = createConsumerOffsets(database.sql)
  const consumer = createAnswerCacheConsumer({ cache, offsets, keysOf: cachedAnswers, topics, groupId })
  const subject = anySubject()
  const keys = [`ip_blocked:${subject}`, `ip_blocked:${subject.slice(2)}`]
  const keep = async () => {
    const app = await createClient({ url: redis.url }).connect()
    for (const key of keys) await app.setEx(key, 60, "false")
    await app.close()
  }
  const kept = async () => {
    const app = await createClient({ url: redis.url }).connect()
    const answers = await app.mGet(keys)
    await app.close()
    return answers.filter(answer => answer !== null).length
  }
  const batch = batchOf([confirmed(blockRequested(subject, 3_600))], {
    consumerGroup: groupId,
    topic: topics.results,
  })
  const stored = () => offsets.storedOffset(groupId, topics.results, batch.partition)
  const handle = () =>
    consumer.handle(batch).then(
      ({ outcome }) => outcome,
      () => "rejected",
    )

  await redis.kill()
  expect(await handle()).toBe("rejected")
  expect(await stored()).toBeNull()
  await redis.start()
  await keep()
  expect(await kept()).toBe(2)
  await until(handle, outcome => outcome === "stored")
  expect(await kept()).toBe(0)
  expect(await stored()).toBe(1n)
  expect(await handle()).toBe("moved")
  await cache.close()
})
