import { createKafkaPublisher } from "../../src/adapters/kafka/publisher.ts"
import { createKafkaSubscription } from "../../src/adapters/kafka/subscription.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { createTestTopics, kafkaSettings } from "../support/kafka.ts"
import { subscriptionConformance } from "./subscription.ts"

subscriptionConformance("kafka", async () => {
  const { patient: topic } = await createTestTopics()
  const publisher = createKafkaPublisher(kafkaSettings())
  return {
    subscription: createKafkaSubscription(kafkaSettings(), systemClock),
    topic,
    async send(from, count) {
      const messages = Array.from({ length: count }, (_, index) => {
        const value = from + index
        return { topic, key: `key-${value % 11}`, value: String(value), headers: {} }
      })
      await publisher.publish(messages)
    },
    close: () => publisher.close(),
  }
})
