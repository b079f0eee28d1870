import { createClient } from "@redis/client"
import { pino } from "pino"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createRedisAnswerCache } from "../../src/adapters/redis/answer-cache.ts"
import { UnavailableError } from "../../src/runtime/errors.ts"
import { type RedisServer, startRedis } from "../support/redis-server.ts"
import { until } from "../support/until.ts"
import { answerCacheConformance } from "./answer-cache.ts"

const logger = pino({ level: "silent" })
let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
}, 120_000)
afterAll(() => redis?.close())

const whenConnected = (forget: () => Promise<void>) =>
  until(
    () =>
      forget().then(
        () => true,
        () => false,
      ),
    done => done,
  )

answerCacheConformance("redis", async () => {
  const app = await createClient({ url: redis.url }).connect()
  await app.flushDb()
  const cache = createRedisAnswerCache({ url: redis.url, logger })
  await whenConnected(() => cache.forget(["nobody"]))
  return {
    cache,
    keep: async (key, answer) => void (await app.set(key, answer)),
    kept: key => app.get(key),
    async close() {
      await cache.close()
      await app.close()
    },
  }
})

test("says so while Redis is away, and forgets again once it is back", async () => {
  const cache = createRedisAnswerCache({ url: redis.url, logger })
  await whenConnected(() => cache.forget(["a"]))
  await redis.kill()
  await expect(cache.forget(["a"])).rejects.toThrow(UnavailableError)
  await redis.start()
  await whenConnected(() => cache.forget(["a"]))
  await cache.close()
})

test("closes although Redis never answered, and shows no password", async () => {
  const lines: string[] = []
  const shown = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) })
  const cache = createRedisAnswerCache({ url: "redis://:canary-secret@127.0.0.1:1/0", logger: shown })
  await expect(cache.forget(["a"])).rejects.toThrow(/REDIS_URL/)
  await until(
    () => lines.length,
    length => length > 0,
  )
  await cache.close()
  expect(lines.join("")).not.toContain("canary-secret")
})
