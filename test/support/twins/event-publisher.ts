import type { OutgoingMessage } from "../../../src/bus/message.ts"
import type { EventPublisher } from "../../../src/relay/ports.ts"
import type { InMemoryBroker } from "./message-broker.ts"

/** As Kafka has it by default. */
const MAX_MESSAGE_BYTES = 1_048_588

export interface InMemoryEventPublisher {
  readonly publisher: EventPublisher
  /** The next calls reject; of `afterWriting`, when all was written: the acknowledgement got lost. */
  failNext(calls: number, when: "before-writing" | "after-writing"): void
  /** Of one value; 1 MiB as Kafka has it by default. */
  takeUpTo(bytes: number): void
}

export function createInMemoryEventPublisher(broker: InMemoryBroker): InMemoryEventPublisher {
  let failing = 0
  let maxBytes = MAX_MESSAGE_BYTES
  let failWhen: "before-writing" | "after-writing" = "before-writing"
  return {
    failNext(calls, when) {
      failing = calls
      failWhen = when
    },
    takeUpTo(bytes) {
      maxBytes = bytes
    },
    publisher: {
      async publish(messages) {
        const fails = failing > 0
        if (fails) failing -= 1
        if (fails && failWhen === "before-writing") throw new Error("the broker cannot be reached")
        // As the broker does: of a partition all messages or none, whatever became of the others.
        const place = ({ topic, key }: OutgoingMessage) => `${topic}/${broker.partitionOf(key)}`
        const refused = new Set(
          messages.filter(({ value }) => Buffer.byteLength(value) > maxBytes).map(place),
        )
        for (const message of messages) {
          const { topic, key, value, headers } = message
          if (!refused.has(place(message))) broker.write(topic, { key, value, headers })
        }
        if (refused.size > 0) return { outcome: "refused", reason: "message-too-large" }
        if (fails) throw new Error("the acknowledgement was lost")
        return { outcome: "acknowledged" }
      },
      close: async () => undefined,
    },
  }
}
