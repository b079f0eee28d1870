import { ProduceAcks, Producer, stringSerializers } from "@platformatic/kafka"
import type { OutgoingMessage } from "../../../bus/message.ts"
import type { EventPublisher, PublishOutcome } from "../../../relay/ports.ts"
import { partitionOf } from "../partition-of.ts"
import { prove } from "../proof.ts"
import { refusalReason } from "../refusals.ts"
import type { KafkaSettings } from "../settings.ts"
import { clientOptions } from "./client.ts"
import { protocolErrorNames } from "./errors.ts"

/** Fewer than two would mean "for ever" to an idempotent producer of this library. */
const RETRIES = 3
/** How long the broker may wait for its replicas. */
const REPLICATION_TIMEOUT_MS = 10_000

type TextProducer = Producer<string, string, string, string>

/**
 * Publishes with one idempotent producer and one send in flight, as the publisher over kafkajs does and for the same
 * reasons: after any rejection the producer is thrown away, and an answer is believed only if it names every partition
 * sent to, with offsets above the last ones.
 */
export function createPublisher(settings: KafkaSettings): EventPublisher {
  let connected: TextProducer | null = null
  let lastOffsets = new Map<string, bigint>()

  async function discard(): Promise<void> {
    const old = connected
    connected = null
    // Whatever the next producer writes has a new id, so that older offsets prove nothing about it.
    lastOffsets = new Map()
    await old?.close(true).catch(() => undefined)
  }

  async function send(messages: readonly OutgoingMessage[]): Promise<void> {
    connected ??= new Producer({
      ...clientOptions(settings, RETRIES),
      timeout: REPLICATION_TIMEOUT_MS,
      idempotent: true,
      maxInflights: 1,
      serializers: stringSerializers,
    })
    const topics = [...new Set(messages.map(({ topic }) => topic))]
    const { topics: known } = await connected.metadata({ topics })
    const used = new Set<string>()
    const placed = messages.map(({ topic, key, value, headers }) => {
      const partition = partitionOf(key, known.get(topic)?.partitionsCount ?? 1)
      used.add(`${topic}/${partition}`)
      return { topic, partition, key, value, headers: { ...headers } }
    })
    const { offsets = [] } = await connected.send({ messages: placed, acks: ProduceAcks.ALL })
    const answers = offsets.map(({ topic, partition, offset }) => ({
      place: `${topic}/${partition}`,
      baseOffset: offset,
    }))
    prove(answers, used, lastOffsets)
  }

  return {
    async publish(messages): Promise<PublishOutcome> {
      if (messages.length === 0) return { outcome: "acknowledged" }
      try {
        await send(messages)
        return { outcome: "acknowledged" }
      } catch (error) {
        await discard()
        const reason = protocolErrorNames(error)
          .map(refusalReason)
          .find(found => found !== null)
        if (reason) return { outcome: "refused", reason }
        throw error
      }
    },
    close: discard,
  }
}
