import { createInMemoryEventPublisher } from "../support/twins/event-publisher.ts"
import { createInMemoryBroker } from "../support/twins/message-broker.ts"
import { eventPublisherConformance } from "./event-publisher.ts"

eventPublisherConformance("in memory", async () => {
  const broker = createInMemoryBroker()
  const topics = ["one", "two"] as const
  return {
    publisher: createInMemoryEventPublisher(broker).publisher,
    topics,
    written: async () =>
      topics.flatMap(topic => [0, 1, 2].flatMap(partition => broker.read(topic, partition))),
    close: async () => undefined,
  }
})
