import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { createTestTopics, kafkaClient, readAll } from "../support/kafka.ts"
import { eventPublisherConformance } from "./event-publisher.ts"

for (const name of KAFKA_CLIENTS) {
  eventPublisherConformance(name, async () => {
    const names = await createTestTopics()
    const topics = [names.patient, names["ip-block"]] as const
    const publisher = kafkaClient(name).publisher()
    return { publisher, topics, written: () => readAll(topics), close: () => publisher.close() }
  })
}
