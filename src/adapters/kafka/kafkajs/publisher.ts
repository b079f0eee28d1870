import { type PartitionerArgs, Partitioners, type Producer, type RecordMetadata } from "kafkajs"
import type { OutgoingMessage } from "../../../bus/message.ts"
import type { EventPublisher, PublishOutcome } from "../../../relay/ports.ts"
import { prove, type SendAnswer } from "../proof.ts"
import { refusalReason } from "../refusals.ts"
import type { KafkaSettings } from "../settings.ts"
import { createKafkaClient, retryWith } from "./client.ts"
import { protocolErrorType } from "./errors.ts"

const RETRIES = 3
const ALL_IN_SYNC_REPLICAS = -1

interface Connected {
  readonly producer: Producer
  /** Where the partitioner put messages since this was last cleared, as `topic/partition`. */
  readonly used: Set<string>
}

/**
 * Publishes with one idempotent producer and one send in flight.
 *
 * After any rejection the producer is thrown away and the next send uses a new one: kafkajs rolls its sequence numbers
 * back, and the broker then takes a different batch for one it has, acknowledges it and drops it. For the same reason
 * an answer is believed only if it names every partition sent to, with offsets above the last ones.
 */
export function createKafkaPublisher(settings: KafkaSettings): EventPublisher {
  let connected: Connected | null = null
  let lastOffsets = new Map<string, bigint>()

  async function discard(): Promise<void> {
    const old = connected
    connected = null
    // Whatever the next producer writes has a new id, so that older offsets prove nothing about it.
    lastOffsets = new Map()
    await old?.producer.disconnect().catch(() => undefined)
  }

  async function connect(): Promise<Connected> {
    if (connected) return connected
    const used = new Set<string>()
    const producer = createKafkaClient(settings, RETRIES).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: () => noting(used),
      retry: retryWith(RETRIES),
    })
    connected = { producer, used }
    await producer.connect()
    return connected
  }

  async function send(messages: readonly OutgoingMessage[]): Promise<void> {
    const { producer, used } = await connect()
    used.clear()
    const answers = await producer.sendBatch({ acks: ALL_IN_SYNC_REPLICAS, topicMessages: byTopic(messages) })
    prove(places(answers), used, lastOffsets)
  }

  return {
    async publish(messages): Promise<PublishOutcome> {
      if (messages.length === 0) return { outcome: "acknowledged" }
      try {
        await send(messages)
        return { outcome: "acknowledged" }
      } catch (error) {
        await discard()
        const reason = refusalReason(protocolErrorType(error))
        if (reason) return { outcome: "refused", reason }
        throw error
      }
    },
    close: discard,
  }
}

/** By the key's murmur2 hash, as Kafka's own clients do, so that every producer puts a subject into one partition. */
function noting(used: Set<string>): (args: PartitionerArgs) => number {
  const choose = Partitioners.DefaultPartitioner()
  return args => {
    const partition = choose(args)
    used.add(`${args.topic}/${partition}`)
    return partition
  }
}

function byTopic(messages: readonly OutgoingMessage[]) {
  const topics = Map.groupBy(messages, message => message.topic)
  return [...topics].map(([topic, ofTopic]) => ({
    topic,
    messages: ofTopic.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } })),
  }))
}

/** Only what was acknowledged. */
function places(answers: readonly RecordMetadata[]): readonly SendAnswer[] {
  return answers.flatMap(({ topicName, partition, errorCode, baseOffset }) =>
    errorCode === 0 && baseOffset !== undefined
      ? [{ place: `${topicName}/${partition}`, baseOffset: BigInt(baseOffset) }]
      : [],
  )
}
