import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import { ensureTopics } from "../../../src/adapters/kafka/ensure-topics.ts"
import { consumerLag } from "../../../src/adapters/kafka/lag.ts"
import { KAFKA_CLIENTS } from "../../../src/adapters/kafka/settings.ts"
import { UnavailableError } from "../../../src/runtime/errors.ts"
import { anyGroup, createTestTopics, kafkaClient, kafkaSettings } from "../../support/kafka.ts"
import { until } from "../../support/until.ts"

describe.each(KAFKA_CLIENTS)("Kafka's topics and groups, with %s", name => {
  const client = kafkaClient(name)
  const nowhere = kafkaClient(name, { ...kafkaSettings(), brokers: ["127.0.0.1:1"] })

  test("creates the topics that are missing, once, and names those of another shape", async () => {
    const prefix = randomBytes(6).toString("hex")
    const [first, second] = [`${prefix}.a`, `${prefix}.b`]
    const shape = { partitions: 2, replicationFactor: 1 }
    expect(await ensureTopics(client, [first], shape)).toEqual({ created: [first], mismatched: [] })
    expect(await ensureTopics(client, [first, second], shape)).toEqual({ created: [second], mismatched: [] })
    const others = await ensureTopics(client, [first, second], { ...shape, partitions: 6 })
    expect(others).toEqual({
      created: [],
      mismatched: [
        { topic: first, partitions: 2 },
        { topic: second, partitions: 2 },
      ],
    })
  })

  test("two processes that create the same topics at once both succeed", async () => {
    const topics = [1, 2, 3].map(number => `${randomBytes(6).toString("hex")}.${number}`)
    const create = () => ensureTopics(client, topics, { partitions: 1, replicationFactor: 1 })
    await Promise.all([create(), create()])
    expect(await create()).toEqual({ created: [], mismatched: [] })
  })

  test("says what to do when the broker does not answer, or refuses", async () => {
    const startedMs = performance.now()
    const failed = await ensureTopics(nowhere, ["a"], { partitions: 1, replicationFactor: 1 }).catch(
      error => error,
    )
    expect(failed).toBeInstanceOf(UnavailableError)
    expect(failed.message).toMatch(/127\.0\.0\.1:1.*KAFKA_BROKERS/)
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    const shape = { partitions: 1, replicationFactor: 5 }
    const refused = await ensureTopics(client, [anyGroup()], shape).catch(error => error)
    expect(refused).toBeInstanceOf(UnavailableError)
    expect(refused.message).toMatch(/TOPIC_REPLICATION_FACTOR/)
  })

  test("a publisher without a broker rejects, and a subscription waits for one and can be stopped", async () => {
    const publisher = nowhere.publisher()
    const message = { topic: "t", key: "k", value: "v", headers: {} }
    await expect(publisher.publish([message])).rejects.toThrow()
    await publisher.close()
    const stop = new AbortController()
    const ended = nowhere.subscription().run({
      groupId: anyGroup(),
      topics: ["t"],
      storedOffset: async () => null,
      onBatch: async () => ({ next: "continue" }),
      signal: stop.signal,
    })
    stop.abort()
    await ended
  })

  test("counts nothing in a topic that nobody made yet", async () => {
    expect(await consumerLag(client, [anyGroup()], ["never-made"])).toEqual([])
  })

  test("counts what a group has still to handle", async () => {
    const { patient: topic } = await createTestTopics()
    const publisher = client.publisher()
    const publish = (count: number) =>
      publisher.publish(
        Array.from({ length: count }, (_, index) => ({ topic, key: `k${index}`, value: "v", headers: {} })),
      )
    await publish(40)
    const groupId = anyGroup()
    const total = async () => {
      const lags = await consumerLag(client, [groupId], [topic])
      expect(lags).toHaveLength(3)
      return lags.reduce((sum, { lag }) => sum + lag, 0n)
    }
    expect(await total()).toBe(40n)
    const stop = new AbortController()
    const ended = client.subscription().run({
      groupId,
      topics: [topic],
      storedOffset: async () => null,
      onBatch: async () => ({ next: "continue" }),
      signal: stop.signal,
    })
    await until(total, lag => lag === 0n)
    stop.abort()
    await ended
    await publish(15)
    expect(await total()).toBe(15n)
    await publisher.close()
  })
})
