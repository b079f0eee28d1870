import { randomBytes } from "node:crypto"
import type { KafkaClientName } from "../../src/adapters/kafka/settings.ts"
import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import type { Sql } from "../../src/adapters/postgres/client.ts"
import { createReadModel } from "../../src/adapters/postgres/projector/read-model.ts"
import { toMessage } from "../../src/bus/envelope.ts"
import { type ConsumerOptions, runConsumer } from "../../src/bus/run-consumer.ts"
import { requestTopics, type Topics, topicOf } from "../../src/bus/topics.ts"
import { createIntake, toOperation } from "../../src/chain-writer/intake.ts"
import { type EventRecord, toLogged } from "../../src/domain/event.ts"
import { foldFacts } from "../../src/domain/lifecycle.ts"
import { createProjector } from "../../src/projector/projector.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { anySubject, blockRequested, confirmed, event } from "./event-builders.ts"
import { kafkaClient } from "./kafka.ts"
import { readOperationView } from "./read-operation-view.ts"
import { until } from "./until.ts"

export const CONSUMERS = ["intake", "projector"] as const
export type ConsumerName = (typeof CONSUMERS)[number]

/** Intake and projector as the service has them, over a real broker, to be stopped and started again. */
export interface TestConsumers {
  readonly groups: Readonly<Record<ConsumerName, string>>
  readonly topics: Readonly<Record<ConsumerName, readonly string[]>>
  /** Ids of the events whose effects were stored, as often as they were. */
  readonly handled: Readonly<Record<ConsumerName, readonly string[]>>
  start(): void
  stop(): Promise<void>
}

/** Looks for a database that went back more often than the service does, so that a test need not wait. */
const LOOK_BACK_EVERY_MS = 300

export function createTestConsumers(options: {
  readonly sql: Sql
  readonly client: KafkaClientName
  readonly topics: Topics
}): TestConsumers {
  const { sql, client, topics } = options
  const prefix = `consumers-${randomBytes(6).toString("hex")}`
  const groups = { intake: `${prefix}.intake`, projector: `${prefix}.projector` }
  const intake = createIntake({ queue: createOperationQueue(sql), maxPendingOperations: 1_000_000 })
  const consumers: Record<
    ConsumerName,
    Pick<ConsumerOptions, "groupId" | "topics" | "offsets" | "handle">
  > = {
    intake: {
      groupId: groups.intake,
      topics: requestTopics(topics),
      offsets: intake,
      handle: batch => intake.handle(batch),
    },
    projector: createProjector({ readModel: createReadModel(sql), topics, groupId: groups.projector }),
  }
  const handled: Record<ConsumerName, string[]> = { intake: [], projector: [] }
  let stopping = new AbortController()
  let running: Promise<unknown> = Promise.resolve()

  async function run(name: ConsumerName, signal: AbortSignal): Promise<void> {
    const consumer = consumers[name]
    await runConsumer({
      ...consumer,
      async handle(batch) {
        const outcome = await consumer.handle(batch)
        if (outcome.outcome === "stored") handled[name].push(...batch.events.map(({ eventId }) => eventId))
        return outcome
      },
      subscription: kafkaClient(client).subscription(),
      lookBackEveryMs: LOOK_BACK_EVERY_MS,
      logger: silentLogger,
      clock: systemClock,
      signal,
    })
  }

  return {
    groups,
    topics: { intake: consumers.intake.topics, projector: consumers.projector.topics },
    handled,
    start() {
      stopping = new AbortController()
      running = Promise.all(CONSUMERS.map(name => run(name, stopping.signal)))
      running.catch(() => undefined)
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Requests of all types and their results, published. */
export async function publishStory(
  client: KafkaClientName,
  topics: Topics,
  subjects: number,
): Promise<readonly EventRecord[]> {
  const requests = Array.from({ length: subjects }, (_, index) =>
    index % 2 === 0
      ? event("register-patient.requested", anySubject())
      : blockRequested(anySubject(), 86_400),
  )
  const events = [...requests, ...requests.map(request => confirmed(request))]
  const publisher = kafkaClient(client).publisher()
  try {
    await publisher.publish(events.map(each => toMessage(toLogged(each), topicOf(topics, each.type) ?? "")))
  } finally {
    await publisher.close()
  }
  return events
}

/** What the database lacks of what these events ask for and tell. */
async function missing(sql: Sql, events: readonly EventRecord[]): Promise<readonly string[]> {
  const rows = await sql<{ eventId: string }[]>`
    select event_id as "eventId" from reconciler.chain_operations`
  const taken = new Set(rows.map(({ eventId }) => eventId))
  const views = new Map(
    (
      await sql<{ position: bigint; result: string | null }[]>`
      select position, result from reconciler.operation_views where event_id is not null`
    ).map(({ position, result }) => [position, result]),
  )
  return [
    ...events.flatMap(each =>
      toOperation(each) && !taken.has(each.eventId) ? [`intake ${each.eventId}`] : [],
    ),
    ...foldFacts(events).flatMap(({ position, resulted }) =>
      views.get(position) === (resulted?.result ?? null) ? [] : [`projector ${position}`],
    ),
  ]
}

/** Waits until the database has all that these events ask for and tell. */
export async function untilWhole(sql: Sql, events: readonly EventRecord[]): Promise<void> {
  await until(
    () => missing(sql, events).catch(error => [String(error)]),
    left => left.length === 0,
    60_000,
  )
}

/** Every row beside what the events say. Asked again where a connection is one that has not learned of a restart. */
export function judgeRows(sql: Sql, events: readonly EventRecord[]) {
  return until(
    () => readRows(sql, events).catch(() => null),
    found => found !== null,
  )
}

async function readRows(sql: Sql, events: readonly EventRecord[]) {
  const expected = foldFacts(events)
  const rows = await Promise.all(expected.map(({ position }) => readOperationView(sql, position)))
  const [counts] = await sql<{ operations: number; views: number }[]>`
    select (select count(*)::int from reconciler.chain_operations) as operations,
      (select count(*)::int from reconciler.operation_views) as views`
  return { rows, expected, operations: counts?.operations, views: counts?.views }
}
