import { createClient } from "@redis/client"
import type { AnswerCache } from "../../answer-cache/ports.ts"
import { UnavailableError } from "../../runtime/errors.ts"
import type { Logger } from "../../runtime/logger.ts"

const CONNECT_TIMEOUT_MS = 2_000
const ANSWER_TIMEOUT_MS = 2_000
const LONGEST_RECONNECT_MS = 1_000
/** One DEL of many keys holds up everyone else who asks Redis. */
const KEYS_A_COMMAND = 500

/**
 * CareGrid's Redis. It connects in the background and again after each loss, so that a Redis that is down keeps nothing
 * else from starting; until then `forget` rejects with UnavailableError.
 */
export function createRedisAnswerCache(options: {
  /** `redis://` or `rediss://`, with login and database number as Redis clients take them. */
  readonly url: string
  readonly logger: Logger
}): AnswerCache {
  const { logger } = options
  const client = createClient({
    url: options.url,
    disableOfflineQueue: true,
    commandOptions: { timeout: ANSWER_TIMEOUT_MS },
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: tries => Math.min(50 * 2 ** tries, LONGEST_RECONNECT_MS),
    },
  })
  let isDown = false
  client.on("error", (error: unknown) => {
    if (!isDown) logger.warn({ code: codeOf(error) }, "Redis is away: cached answers may be old")
    isDown = true
  })
  client.on("ready", () => {
    if (isDown) logger.info("Redis is back")
    isDown = false
  })
  client.connect().catch(() => undefined)

  return {
    async forget(keys) {
      try {
        for (let from = 0; from < keys.length; from += KEYS_A_COMMAND) {
          await client.del(keys.slice(from, from + KEYS_A_COMMAND))
        }
      } catch (error) {
        throw new UnavailableError(
          "Redis (REDIS_URL) does not answer: the app's cached answers of the chain may be old",
          { cause: error },
        )
      }
    },
    async close() {
      if (client.isReady) await client.close()
      else client.destroy()
    },
  }
}

/** Never the message: it may hold the URL, and with it a password. */
function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "unknown"
  return "code" in error && typeof error.code === "string" ? error.code : error.constructor.name
}
