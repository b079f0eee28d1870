import type { Producer } from "kafkajs"
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest"
import { createKafkaClient, retryWith } from "../../src/adapters/kafka/kafkajs/client.ts"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import type { OutgoingMessage } from "../../src/bus/message.ts"
import { type KafkaProxy, type ProduceFault, startKafkaProxy } from "../support/faults/kafka-proxy.ts"
import { createTestTopics, kafkaClient, kafkaSettings, readAll } from "../support/kafka.ts"

const LOST: ProduceFault = { kind: "lost-answer" }
const BATCH = 10
/** More than a client tries by itself. */
const MORE_THAN_RETRIES = 6

describe("an answer to Produce that gets lost after the broker appended", () => {
  let proxy: KafkaProxy
  let topic: string
  let acknowledged: string[]
  const producers: Producer[] = []
  beforeEach(async () => {
    const [broker = ""] = inject("kafkaBrokers")
    proxy = await startKafkaProxy(broker)
    topic = (await createTestTopics())["ip-block"]
    acknowledged = []
  })
  afterEach(async () => {
    for (const producer of producers.splice(0)) await producer.disconnect().catch(() => undefined)
    await proxy.close()
  })

  const proxied = () => ({ ...kafkaSettings(), brokers: [proxy.address] })
  const batch = (name: string): OutgoingMessage[] =>
    Array.from({ length: BATCH }, (_, index) => ({
      topic,
      key: "one subject",
      value: `${name}${index}`,
      headers: {},
    }))

  async function lostOfAcknowledged(): Promise<string[]> {
    const written = new Set((await readAll([topic])).map(({ value }) => value))
    return acknowledged.filter(value => !written.has(value))
  }

  async function naiveProducer(retries: number): Promise<Producer> {
    const producer = createKafkaClient(proxied(), retries).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: retryWith(retries),
    })
    producers.push(producer)
    await producer.connect()
    return producer
  }

  async function sendNaively(producer: Producer, name: string): Promise<void> {
    const messages = batch(name)
    await producer.send({ topic, acks: -1, messages: messages.map(({ key, value }) => ({ key, value })) })
    acknowledged.push(...messages.map(({ value }) => value))
  }

  test("control: concurrent sends on one idempotent kafkajs producer lose acknowledged messages", async () => {
    const producer = await naiveProducer(5)
    await sendNaively(producer, "first")
    proxy.fault(0, LOST)
    await Promise.all([sendNaively(producer, "a"), sendNaively(producer, "b")])
    expect(acknowledged).toHaveLength(3 * BATCH)
    expect(await lostOfAcknowledged()).toHaveLength(BATCH)
  })

  test("control: an idempotent kafkajs producer used on after a rejection loses acknowledged messages", async () => {
    const producer = await naiveProducer(1)
    await sendNaively(producer, "first")
    proxy.fault(0, LOST, LOST)
    await expect(sendNaively(producer, "rejected")).rejects.toThrow()
    await sendNaively(producer, "next")
    expect(await lostOfAcknowledged()).toEqual(batch("next").map(({ value }) => value))
  })

  describe.each(KAFKA_CLIENTS)("our publisher over %s", name => {
    test.each([
      ["once", 1],
      ["more often than the client tries by itself", MORE_THAN_RETRIES],
    ])("loses nothing that it acknowledged, when it happens %s", async (_often, times) => {
      const publisher = kafkaClient(name, proxied()).publisher()
      let rejected = 0
      async function publish(messages: OutgoingMessage[]): Promise<void> {
        // As the relay does it: the same batch until it is acknowledged, nothing else before.
        for (;;) {
          try {
            expect(await publisher.publish(messages)).toEqual({ outcome: "acknowledged" })
            acknowledged.push(...messages.map(({ value }) => value))
            return
          } catch {
            rejected += 1
          }
        }
      }
      try {
        await publish(batch("first"))
        for (let round = 0; round < 5; round += 1) {
          proxy.fault(0, ...Array.from({ length: times }, () => LOST))
          for (const part of ["a", "b", "c"]) await publish(batch(`${round}${part}`))
        }
      } finally {
        await publisher.close()
      }
      expect(proxy.injected.get("lost-answer")).toBe(5 * times)
      // Once, a client may get over it alone; so often, only a new producer does.
      if (times > 1) expect(rejected).toBeGreaterThan(0)
      expect(acknowledged).toHaveLength(16 * BATCH)
      expect(await lostOfAcknowledged()).toEqual([])
    })
  })
})
