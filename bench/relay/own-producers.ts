import { Producer, stringSerializers } from "@platformatic/kafka"
import { Kafka, logLevel } from "kafkajs"
import { partitionOf } from "../../src/adapters/kafka/partition-of.ts"
import type { KafkaClientName } from "../../src/adapters/kafka/settings.ts"
import type { OutgoingMessage } from "../../src/bus/message.ts"

/** A library's own producer, as its users have it: idempotent, all replicas, one call in flight. */
export interface OwnProducer {
  send(): Promise<unknown>
  close(): Promise<unknown>
}

/** It sends `messages` at each call, which are made ready in the form that the library takes. */
export const ownProducers: Readonly<
  Record<
    KafkaClientName,
    (
      brokers: readonly string[],
      messages: readonly OutgoingMessage[],
      partitions: number,
    ) => Promise<OwnProducer>
  >
> = {
  async kafkajs(brokers, messages) {
    const kafka = new Kafka({ clientId: "bench", brokers: [...brokers], logLevel: logLevel.NOTHING })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const topicMessages = [...Map.groupBy(messages, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
      topic,
      messages: ofTopic.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } })),
    }))
    return {
      send: () => producer.sendBatch({ acks: -1, topicMessages }),
      close: () => producer.disconnect(),
    }
  },
  async platformatic(brokers, messages, partitions) {
    const producer = new Producer({
      clientId: "bench",
      bootstrapBrokers: [...brokers],
      serializers: stringSerializers,
      idempotent: true,
    })
    const ready = messages.map(({ topic, key, value, headers }) => ({
      topic,
      key,
      value,
      // As the relay's publisher puts them.
      partition: partitionOf(key, partitions),
      headers: new Map(Object.entries(headers)),
    }))
    return {
      send: () => producer.send({ messages: ready, acks: -1 }),
      close: () => producer.close(),
    }
  },
}
