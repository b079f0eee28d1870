import { createConsumerOffsets } from "./adapters/postgres/answer-cache/consumer-offsets.ts"
import type { Sql } from "./adapters/postgres/client.ts"
import { createRedisAnswerCache } from "./adapters/redis/answer-cache.ts"
import { createAnswerCacheConsumer } from "./answer-cache/answer-cache.ts"
import type { Topics } from "./bus/topics.ts"
import { cachedAnswers } from "./integrations/caregrid/cached-answers.ts"
import type { Consumer } from "./pipeline.ts"
import type { Logger } from "./runtime/logger.ts"
import type { Shutdown } from "./runtime/shutdown.ts"

/** Opens the app's Redis; closed by `shutdown`. */
export function composeAnswerCache(options: {
  readonly redisUrl: string
  readonly groupId: string
  readonly sql: Sql
  readonly topics: Topics
  readonly logger: Logger
  readonly shutdown: Shutdown
}): Consumer {
  const { redisUrl, groupId, sql, topics, logger, shutdown } = options
  const cache = createRedisAnswerCache({ url: redisUrl, logger })
  shutdown.add("Redis", () => cache.close())
  return createAnswerCacheConsumer({
    cache,
    offsets: createConsumerOffsets(sql),
    keysOf: cachedAnswers,
    topics,
    groupId,
  })
}
