import { type PartitionerArgs, Partitioners, type Producer, type RecordMetadata } from "kafkajs"
import type { OutgoingMessage } from "../../bus/message.ts"
import type { EventPublisher, PublishOutcome, RefusalReason } from "../../relay/ports.ts"
import { createKafkaClient, type KafkaSettings, retryWith } from "./client.ts"
import { protocolErrorType } from "./errors.ts"

const RETRIES = 3
const ALL_IN_SYNC_REPLICAS = -1

const REFUSALS: Readonly<Record<string, RefusalReason>> = {
  MESSAGE_TOO_LARGE: "message-too-large",
  RECORD_LIST_TOO_LARGE: "message-too-large",
  INVALID_RECORD: "invalid-record",
}

/** The answer to a send does not fit what was sent: some messages may not have been written. */
export class UnprovenSendError extends Error {
  override readonly name = "UnprovenSendError"
}

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
        const reason = REFUSALS[protocolErrorType(error) ?? ""]
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

/** Throws UnprovenSendError unless every partition answered with an offset above its last one; then remembers them. */
export function prove(
  answers: readonly RecordMetadata[],
  used: ReadonlySet<string>,
  lastOffsets: Map<string, bigint>,
): void {
  const offsets = new Map<string, bigint>(
    answers
      .filter(answer => answer.errorCode === 0 && answer.baseOffset !== undefined)
      .map(answer => [`${answer.topicName}/${answer.partition}`, BigInt(answer.baseOffset ?? -1)] as const),
  )
  for (const partition of used) {
    const offset = offsets.get(partition)
    // A leader that moved between two tries of kafkajs gets nothing for its new partition, and the send still resolves.
    if (offset === undefined) throw new UnprovenSendError(`no acknowledgement for ${partition}`)
    if (offset <= (lastOffsets.get(partition) ?? -1n)) {
      throw new UnprovenSendError(
        `the offset of ${partition} did not rise: the batch was taken for an older one`,
      )
    }
  }
  for (const [partition, offset] of offsets) lastOffsets.set(partition, offset)
}
