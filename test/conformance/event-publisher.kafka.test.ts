import { createKafkaPublisher } from "../../src/adapters/kafka/publisher.ts"
import { createTestTopics, kafkaSettings, readAll } from "../support/kafka.ts"
import { eventPublisherConformance } from "./event-publisher.ts"

eventPublisherConformance("kafka", async () => {
  const names = await createTestTopics()
  const topics = [names.patient, names["ip-block"]] as const
  const publisher = createKafkaPublisher(kafkaSettings())
  return { publisher, topics, written: () => readAll(topics), close: () => publisher.close() }
})
