import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { createTestTopics, kafkaClient } from "../support/kafka.ts"
import { subscriptionConformance } from "./subscription.ts"

for (const name of KAFKA_CLIENTS) {
  subscriptionConformance(name, async () => {
    const { patient: topic } = await createTestTopics()
    const client = kafkaClient(name)
    const publisher = client.publisher()
    return {
      subscription: client.subscription(),
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
}
