import { type Clock, systemClock } from "../../runtime/clock.ts"
import { UnavailableError } from "../../runtime/errors.ts"
import type { KafkaAdmin, KafkaClient, TopicShape } from "./client-port.ts"

export interface EnsuredTopics {
  readonly created: readonly string[]
  /** Topics that stand with another number of partitions. Left as they are: a key would change its partition. */
  readonly mismatched: readonly { readonly topic: string; readonly partitions: number }[]
}

/**
 * Creates the topics that are missing. Safe to run at every start and from several processes at once. `beforeCreating` is
 * told of them first: what was known of earlier topics of these names must be forgotten before anything is in the new.
 */
export function ensureTopics(
  client: KafkaClient,
  topics: readonly string[],
  shape: TopicShape,
  {
    clock = systemClock,
    beforeCreating,
  }: {
    readonly clock?: Clock
    readonly beforeCreating?: (topics: readonly string[]) => Promise<unknown>
  } = {},
): Promise<EnsuredTopics> {
  return client.withAdmin(async admin => {
    const standing = new Set(await admin.listTopics())
    const created = topics.filter(topic => !standing.has(topic))
    if (created.length > 0) {
      await beforeCreating?.(created)
      await create(admin, created, shape)
    }
    const leaders = await untilLed(admin, topics, clock)
    // A broker leads a new topic a moment after it knows it: who publishes right away would be told that it does not.
    if (created.length > 0) await admin.bounds(created)
    const mismatched = topics
      .map(topic => ({ topic, partitions: leaders.get(topic)?.length ?? 0 }))
      .filter(({ partitions }) => partitions !== shape.partitions)
    return { created, mismatched }
  })
}

async function create(admin: KafkaAdmin, topics: readonly string[], shape: TopicShape): Promise<void> {
  try {
    await admin.createTopics(topics, shape)
  } catch (cause) {
    // Another process was faster: what counts is that they exist.
    const standing = new Set(await admin.listTopics())
    if (topics.every(topic => standing.has(topic))) return
    throw new UnavailableError(
      `Kafka did not create the topics ${topics.join(", ")} with ${shape.partitions} partitions and ` +
        `${shape.replicationFactor} replicas: ${messages(cause)}; create them by hand or mend TOPIC_PARTITIONS and TOPIC_REPLICATION_FACTOR`,
      { cause },
    )
  }
}

const LEADERS_WITHIN_MS = 15_000

/** A new topic is unknown to a broker for a moment. */
async function untilLed(
  admin: KafkaAdmin,
  topics: readonly string[],
  clock: Clock,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const deadlineMs = clock.nowMs() + LEADERS_WITHIN_MS
  for (;;) {
    const leaders = await admin.leaders(topics)
    if (leaders && topics.every(topic => leaders.get(topic)?.every(leader => leader >= 0))) return leaders
    if (clock.nowMs() > deadlineMs) {
      throw new UnavailableError(
        `Kafka has no leader for the topics ${topics.join(", ")} after ${LEADERS_WITHIN_MS / 1000} s: see that enough brokers run`,
      )
    }
    await clock.sleep(50)
  }
}

/** Clients put the broker's reasons inside an error of their own. */
function messages(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 4) return ""
  const inner = "errors" in error && Array.isArray(error.errors) ? error.errors : []
  const all = [error.message, ...inner.map(one => messages(one, depth + 1))]
  return [...new Set(all.filter(message => message !== ""))].join(", ")
}
