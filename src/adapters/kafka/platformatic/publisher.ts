import { type ClusterMetadata, ConnectionPool, Producer, produceV8, Writer } from "@platformatic/kafka"
import type { OutgoingMessage } from "../../../bus/message.ts"
import type { EventPublisher, PublishOutcome } from "../../../relay/ports.ts"
import type { Clock } from "../../../runtime/clock.ts"
import { partitionOf } from "../partition-of.ts"
import { prove, type SendAnswer } from "../proof.ts"
import { refusalReason } from "../refusals.ts"
import type { KafkaSettings } from "../settings.ts"
import { clientOptions } from "./client.ts"
import { protocolErrorNames } from "./errors.ts"
import { createProduceRequestWriter, type PartitionMessages } from "./produce-request.ts"

/** Of what is asked before a send. A send itself is tried once: its outcome is unknown when it fails. */
const RETRIES = 3
/** How long the broker may wait for its replicas. */
const REPLICATION_TIMEOUT_MS = 10_000
/** Brokers take batches of 1 MiB by default; headers, key and framing of a message come on top of its value. */
const MAX_BATCH_BYTES = 900_000
const OVERHEAD_BYTES = 700
const SEQUENCES = 2 ** 31

interface Connected {
  readonly producer: Producer
  readonly connections: ConnectionPool
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Of the next message of each partition, by `topic/partition`. */
  readonly sequences: Map<string, number>
}

/**
 * Publishes with one idempotent producer and one send in flight, as the publisher over kafkajs does and for the same
 * reasons: after any rejection the producer is thrown away, and an answer is believed only if it names every partition
 * sent to, with offsets above the last ones.
 *
 * The library gives connections, login and what the cluster looks like. Records are encoded here, into one buffer: by
 * the library's own producer, with a Map and some thirty small buffers a message, it is five times the work.
 */
export function createPublisher(settings: KafkaSettings, clock: Clock): EventPublisher {
  const request = createProduceRequestWriter()
  let connected: Connected | null = null
  let lastOffsets = new Map<string, bigint>()

  async function discard(): Promise<void> {
    const old = connected
    connected = null
    // Whatever the next producer writes has a new id, so that older offsets prove nothing about it.
    lastOffsets = new Map()
    await old?.connections.close().catch(() => undefined)
    await old?.producer.close(true).catch(() => undefined)
  }

  async function connect(): Promise<Connected> {
    if (connected) return connected
    const options = clientOptions(settings, RETRIES)
    const producer = new Producer({ ...options, timeout: REPLICATION_TIMEOUT_MS, idempotent: true })
    try {
      const { producerId, producerEpoch } = await producer.initIdempotentProducer({})
      const connections = new ConnectionPool(options.clientId, { ...options, maxInflights: 1 })
      connected = { producer, connections, producerId, producerEpoch, sequences: new Map() }
      return connected
    } catch (error) {
      await producer.close(true).catch(() => undefined)
      throw error
    }
  }

  async function produce(
    to: Connected,
    leader: number,
    cluster: ClusterMetadata,
    parts: PartitionMessages[],
  ) {
    const broker = cluster.brokers.get(leader)
    if (!broker) throw new Error(`no broker ${leader} leads ${parts.map(({ topic }) => topic).join(", ")}`)
    const connection = await to.connections.get(broker)
    const body = request.write(parts, to, { timestampMs: clock.nowMs(), timeoutMs: REPLICATION_TIMEOUT_MS })
    const { key, version } = produceV8.api
    const answer = await new Promise<produceV8.ProduceResponse>((resolve, reject) => {
      connection.send(
        key,
        version,
        () => Writer.create().append(body),
        produceV8.parseResponse,
        false,
        false,
        (error, payload) => (error || !payload ? reject(error ?? new Error("no answer")) : resolve(payload)),
      )
    })
    return answer.responses.flatMap(({ name, partitionResponses }) =>
      partitionResponses.map(
        ({ index, baseOffset }): SendAnswer => ({ place: `${name}/${index}`, baseOffset }),
      ),
    )
  }

  async function send(messages: readonly OutgoingMessage[]): Promise<void> {
    const to = await connect()
    const cluster = await to.producer.metadata({ topics: [...new Set(messages.map(({ topic }) => topic))] })
    for (const run of runs(messages, cluster)) {
      const parts = [...run].map(([place, ofPlace]): PartitionMessages => {
        const firstSequence = to.sequences.get(place) ?? 0
        to.sequences.set(place, (firstSequence + ofPlace.length) % SEQUENCES)
        const slash = place.lastIndexOf("/")
        return {
          topic: place.slice(0, slash),
          partition: Number(place.slice(slash + 1)),
          firstSequence,
          messages: ofPlace,
        }
      })
      const byLeader = Map.groupBy(parts, ({ topic, partition }) => leaderOf(cluster, topic, partition))
      const answers: SendAnswer[] = []
      // One after the other: the bodies share a buffer, and brokers are few.
      for (const [leader, ofLeader] of byLeader)
        answers.push(...(await produce(to, leader, cluster, ofLeader)))
      prove(answers, new Set(run.keys()), lastOffsets)
    }
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

/** Messages by `topic/partition`, cut so that no partition gets more than a broker takes in one batch. */
function* runs(
  messages: readonly OutgoingMessage[],
  cluster: ClusterMetadata,
): Generator<ReadonlyMap<string, OutgoingMessage[]>> {
  let run = new Map<string, OutgoingMessage[]>()
  let bytes = new Map<string, number>()
  for (const message of messages) {
    const { topic, key, value } = message
    const place = `${topic}/${partitionOf(key, cluster.topics.get(topic)?.partitionsCount ?? 1)}`
    const size = value.length + OVERHEAD_BYTES
    const before = bytes.get(place) ?? 0
    if (before > 0 && before + size > MAX_BATCH_BYTES) {
      yield run
      run = new Map()
      bytes = new Map()
    }
    const ofPlace = run.get(place)
    if (ofPlace) ofPlace.push(message)
    else run.set(place, [message])
    bytes.set(place, (bytes.get(place) ?? 0) + size)
  }
  if (run.size > 0) yield run
}

function leaderOf(cluster: ClusterMetadata, topic: string, partition: number): number {
  return cluster.topics.get(topic)?.partitions[partition]?.leader ?? -1
}
