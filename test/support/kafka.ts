import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import { ensureTopics, partitionBounds, withAdmin } from "../../src/adapters/kafka/admin.ts"
import type { KafkaSettings } from "../../src/adapters/kafka/client.ts"
import { createKafkaSubscription } from "../../src/adapters/kafka/subscription.ts"
import type { ReceivedMessage } from "../../src/bus/message.ts"
import { allTopics, type Topics, topicsWithPrefix } from "../../src/bus/topics.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"

export const TEST_PARTITIONS = 3

export function kafkaSettings(): KafkaSettings {
  return { brokers: inject("kafkaBrokers"), clientId: "test", logger: silentLogger }
}

/** The pipeline's topics under a prefix of this test's own. */
export async function createTestTopics(): Promise<Topics> {
  const topics = topicsWithPrefix(`test-${randomBytes(6).toString("hex")}`)
  await ensureTopics(kafkaSettings(), allTopics(topics), {
    partitions: TEST_PARTITIONS,
    replicationFactor: 1,
  })
  return topics
}

export function anyGroup(): string {
  return `group-${randomBytes(6).toString("hex")}`
}

/** How many messages the topics hold. */
export function countMessages(topics: readonly string[]): Promise<bigint> {
  return withAdmin(kafkaSettings(), async admin => {
    const bounds = await partitionBounds(admin, topics)
    return bounds.reduce((count, { low, high }) => count + high - low, 0n)
  })
}

/** All there is in the topics now, in order within a partition. */
export async function readAll(topics: readonly string[]): Promise<readonly ReceivedMessage[]> {
  const expected = await countMessages(topics)
  const messages: ReceivedMessage[] = []
  if (expected === 0n) return messages
  const enough = new AbortController()
  await createKafkaSubscription(kafkaSettings(), systemClock).run({
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
