import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import type { KafkaClient } from "../../src/adapters/kafka/client-port.ts"
import { ensureTopics } from "../../src/adapters/kafka/ensure-topics.ts"
import { createKafkajsClient } from "../../src/adapters/kafka/kafkajs/index.ts"
import { createPlatformaticClient } from "../../src/adapters/kafka/platformatic/index.ts"
import type { KafkaClientName, KafkaSettings } from "../../src/adapters/kafka/settings.ts"
import type { ReceivedMessage } from "../../src/bus/message.ts"
import { allTopics, type Topics, topicsWithPrefix } from "../../src/bus/topics.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"

export const TEST_PARTITIONS = 3

export function kafkaSettings(): KafkaSettings {
  return { brokers: inject("kafkaBrokers"), clientId: "test", logger: silentLogger }
}

const create: Readonly<Record<KafkaClientName, typeof createKafkajsClient>> = {
  kafkajs: createKafkajsClient,
  platformatic: createPlatformaticClient,
}

export function kafkaClient(
  name: KafkaClientName = "kafkajs",
  settings: KafkaSettings = kafkaSettings(),
): KafkaClient {
  return create[name](settings, systemClock)
}

/** The pipeline's topics under a prefix of this test's own. */
export async function createTestTopics(): Promise<Topics> {
  const topics = topicsWithPrefix(`test-${randomBytes(6).toString("hex")}`)
  await ensureTopics(kafkaClient(), allTopics(topics), {
    partitions: TEST_PARTITIONS,
    replicationFactor: 1,
  })
  return topics
}

export function anyGroup(): string {
  return `group-${randomBytes(6).toString("hex")}`
}

/** How many messages the topics hold. */
export function countMessages(topics: readonly string[], settings = kafkaSettings()): Promise<bigint> {
  return kafkaClient("kafkajs", settings).withAdmin(async admin => {
    const bounds = await admin.bounds(topics)
    return bounds.reduce((count, { low, high }) => count + high - low, 0n)
  })
}

/** All there is in the topics now, in order within a partition. */
export async function readAll(
  topics: readonly string[],
  settings = kafkaSettings(),
): Promise<readonly ReceivedMessage[]> {
  const expected = await countMessages(topics, settings)
  const messages: ReceivedMessage[] = []
  if (expected === 0n) return messages
  const enough = new AbortController()
  await kafkaClient("kafkajs", settings)
    .subscription()
    .run({
      groupId: anyGroup(),
      topics,
      storedOffset: async () => null,
      async onBatch(batch) {
        messages.push(...batch.messages)
        if (BigInt(messages.length) >= expected) enough.abort()
        return { next: "continue" }
      },
      signal: enough.signal,
    })
  return messages
}
