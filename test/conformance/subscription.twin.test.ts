import { createInMemoryBroker } from "../support/twins/message-broker.ts"
import { createInMemorySubscription } from "../support/twins/subscription.ts"
import { subscriptionConformance } from "./subscription.ts"

subscriptionConformance("in memory", async () => {
  const broker = createInMemoryBroker()
  return {
    subscription: createInMemorySubscription(broker),
    topic: "topic",
    async send(from, count) {
      for (let value = from; value < from + count; value += 1) {
        broker.write("topic", { key: `key-${value % 11}`, value: String(value), headers: {} })
      }
    },
    close: async () => undefined,
  }
})
