import type { EventPublisher } from "../../../src/relay/ports.ts"
import type { InMemoryBroker } from "./message-broker.ts"

/** As Kafka has it by default. */
const MAX_MESSAGE_BYTES = 1_048_588

export interface InMemoryEventPublisher {
  readonly publisher: EventPublisher
  /** The next calls reject; of `afterWriting`, when all was written: the acknowledgement got lost. */
  failNext(calls: number, when: "before-writing" | "after-writing"): void
}

export function createInMemoryEventPublisher(broker: InMemoryBroker): InMemoryEventPublisher {
  let failing = 0
  let failWhen: "before-writing" | "after-writing" = "before-writing"
  return {
    failNext(calls, when) {
      failing = calls
      failWhen = when
    },
    publisher: {
      async publish(messages) {
        const fails = failing > 0
        if (fails) failing -= 1
        if (fails && failWhen === "before-writing") throw new Error("the broker cannot be reached")
        const tooLarge = messages.some(({ value }) => Buffer.byteLength(value) > MAX_MESSAGE_BYTES)
        if (tooLarge) return { outcome: "refused", reason: "message-too-large" }
        for (const { topic, key, value, headers } of messages) broker.write(topic, { key, value, headers })
        if (fails) throw new Error("the acknowledgement was lost")
        return { outcome: "acknowledged" }
      },
      close: async () => undefined,
    },
  }
}
