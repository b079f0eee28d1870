import type { KafkaClient } from "./adapters/kafka/client-port.ts"
import { closeDatabase, openDatabase } from "./adapters/postgres/client.ts"
import { createStatusSources } from "./adapters/postgres/status.ts"
import { BUS_FINDINGS } from "./bus/findings.ts"
import { consumedTopics } from "./bus/topics.ts"
import { FINDINGS } from "./chain-writer/finding.ts"
import { readGroupLags } from "./compose-status.ts"
import type { Config } from "./config.ts"
import type { HttpConfig } from "./config-http.ts"
import { createHttpApp } from "./http/app.ts"
import { openHttpServer } from "./http/server.ts"
import { DEAD_LETTER_FINDINGS } from "./ops/dead-letter-findings.ts"
import { LOG_FINDINGS } from "./ops/log-status.ts"
import { readMetrics } from "./ops/metrics.ts"
import { REBUILD_FINDINGS } from "./ops/rebuild-finding.ts"
import { ConfigurationError } from "./runtime/errors.ts"
import type { Logger } from "./runtime/logger.ts"
import type { Progress } from "./runtime/progress.ts"
import type { Shutdown } from "./runtime/shutdown.ts"
import { secretFromFile } from "./runtime/trusted-file.ts"
import { shared } from "./runtime/within.ts"

/** Below a scraper's own limit, which is 10 s by default: what one server does not say shall not hide the rest. */
const ANSWER_MS = 5_000
const PROBE_MS = 2_000
const SHORTEST_TOKEN = 16

interface HttpParts {
  readonly config: Config
  readonly http: HttpConfig
  readonly databaseUrl: string
  readonly kafka: KafkaClient
  readonly progress: Progress
  readonly logger: Logger
  readonly shutdown: Shutdown
}

/** Listens for questions about health and metrics; closed by `shutdown`. Its address is logged. */
export async function composeHttp(parts: HttpParts): Promise<void> {
  const { config, http, kafka, progress, logger, shutdown } = parts
  const token = http.tokenFile === null ? null : tokenIn(http.tokenFile)
  // Connections of its own: a service that has used up its pool shall still be able to say so.
  const sql = openDatabase({ url: parts.databaseUrl, max: 2, applicationName: "reconciler-http" })
  shutdown.add("HTTP database", () => closeDatabase(sql))
  const groups = consumedTopics(config.topicPrefix, { answerCache: config.redisUrl !== null })
  const lags = shared(() => readGroupLags(kafka, groups))
  const sources = {
    ...createStatusSources(sql, config),
    consumerLag: lags,
  }
  const askKafka = shared(() => kafka.withAdmin(admin => admin.listTopics()))
  const app = createHttpApp({
    token,
    allowedHosts: http.allowedHosts,
    logger,
    stages: () => progress.stages(),
    servers: { postgres: async () => sql`select 1`, kafka: askKafka },
    withinMs: PROBE_MS,
    metrics: shared(() =>
      readMetrics({
        sources,
        findings: [
          ...FINDINGS,
          ...REBUILD_FINDINGS,
          ...LOG_FINDINGS,
          ...BUS_FINDINGS,
          ...DEAD_LETTER_FINDINGS,
          "relay-held-back",
        ],
        stages: () => progress.stages(),
        withinMs: ANSWER_MS,
      }),
    ),
  })
  const server = await openHttpServer(app, http)
  shutdown.add("HTTP server", () => server.close())
  logger.info({ url: server.url }, "answers HTTP")
}

/** Read anew at each request. */
function tokenIn(file: string): () => string {
  const read = secretFromFile("HTTP_TOKEN_FILE", file)
  const checked = () => {
    const token = read()
    if (token.length >= SHORTEST_TOKEN) return token
    throw new ConfigurationError(`HTTP_TOKEN_FILE: a token has at least ${SHORTEST_TOKEN} characters`)
  }
  checked()
  return checked
}
