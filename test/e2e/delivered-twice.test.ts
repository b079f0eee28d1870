import { afterAll, beforeAll, expect, it } from "vitest"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { parseMessage } from "../../src/bus/envelope.ts"
import { allTopics, topicsWithPrefix } from "../../src/bus/topics.ts"
import type { EventPublisher } from "../../src/relay/ports.ts"
import { createBranch, type TestBranch } from "../support/branch.ts"
import { openTestChain, type TestChain } from "../support/chain.ts"
import { liveThroughADay } from "../support/hospital-day.ts"
import { readAll } from "../support/kafka.ts"
import { testSeed } from "../support/seed.ts"

const seed = testSeed()
let chain: TestChain

beforeAll(async () => {
  chain = await openTestChain()
})

afterAll(() => chain.close())

/** As if each acknowledgement were lost once: the relay's own retry, for every batch. */
function publishingTwice(publisher: EventPublisher): EventPublisher {
  return {
    async publish(messages) {
      const first = await publisher.publish(messages)
      return first.outcome === "acknowledged" ? publisher.publish(messages) : first
    },
    close: () => publisher.close(),
  }
}

async function liveWithEachMessageTwice(branch: TestBranch): Promise<void> {
  const running = await branch.start({ aroundPublisher: publishingTwice })
  try {
    const day = await liveThroughADay(chain, branch, { operations: 150, seed })

    expect(day.report, day.diagnosis).toMatchObject({ lost: 0, doubled: 0, mismatches: 0 })
    expect(day.holds, day.diagnosis).toBe(true)
  } finally {
    await running.stop()
  }
  const times = new Map<string, number>()
  for (const message of await readAll(allTopics(topicsWithPrefix(branch.config.topicPrefix)))) {
    const parsed = parseMessage(message)
    if (parsed.ok) times.set(parsed.event.eventId, (times.get(parsed.event.eventId) ?? 0) + 1)
  }
  expect(times.size).toBeGreaterThan(150)
  expect([...times.values()].every(count => count === 2)).toBe(true)
}

it.each(KAFKA_CLIENTS)(
  `has no second effect when every message is delivered twice, with %s (TEST_SEED=${seed})`,
  async kafkaClient => {
    const branch = await createBranch(chain, { settings: { KAFKA_CLIENT: kafkaClient } })
    try {
      await liveWithEachMessageTwice(branch)
    } finally {
      await branch.close()
    }
  },
  180_000,
)
