import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { createPostgresRelayCursor } from "../../src/adapters/postgres/relay/cursor.ts"
import { createPostgresEventSource } from "../../src/adapters/postgres/relay/event-source.ts"
import { createPostgresRelayLetters } from "../../src/adapters/postgres/relay/letters.ts"
import { runConsumer } from "../../src/bus/run-consumer.ts"
import { requestTopics, type Topics } from "../../src/bus/topics.ts"
import { createIntake } from "../../src/chain-writer/intake.ts"
import type { PoisonPolicy } from "../../src/domain/order.ts"
import { createRelay } from "../../src/relay/relay.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { runTicker } from "../../src/runtime/ticker.ts"
import { anyGroup, kafkaClient } from "./kafka.ts"

/** Relay and intake of one process, on real servers; no chain: operations stay where they wait for it. */
export function startPoisonPipeline(options: {
  readonly sql: Sql
  readonly url: string
  readonly topics: Topics
  readonly onPoison: PoisonPolicy
}): { stop(): Promise<void> } {
  const { sql, topics, onPoison } = options
  const stop = new AbortController()
  const { signal } = stop
  const shared = { clock: systemClock, logger: silentLogger, signal }
  const session = openDatabase({ url: options.url, max: 1, applicationName: "test-relay" })
  const publisher = kafkaClient().publisher()
  const relay = createRelay({
    source: createPostgresEventSource({ sql: session, clock: systemClock }),
    cursor: createPostgresRelayCursor(sql),
    letters: createPostgresRelayLetters(sql),
    onPoison,
    publisher,
    topics,
    clock: systemClock,
    holder: "test",
    leaseMs: 5_000,
    batchSize: 100,
    logger: silentLogger,
  })
  const intake = createIntake({
    queue: createOperationQueue(sql, { onPoison }),
    maxPendingOperations: 10_000,
  })
  const ended = Promise.all([
    runTicker(relay, { ...shared, idleMs: 50, waitForWork: relay.waitForWork }),
    runConsumer({
      ...shared,
      subscription: kafkaClient().subscription(),
      groupId: anyGroup(),
      topics: requestTopics(topics),
      offsets: intake,
      handle: batch => intake.handle(batch),
    }),
  ])
  return {
    async stop() {
      stop.abort()
      await ended
      await relay.release()
      await publisher.close()
      await closeDatabase(session)
    },
  }
}
