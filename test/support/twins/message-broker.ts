import { createHash } from "node:crypto"
import type { Message, ReceivedMessage } from "../../../src/bus/message.ts"

/** What the publisher's and the subscription's twins share: topics of a few partitions, kept in memory. */
export interface InMemoryBroker {
  readonly partitions: number
  partitionOf(key: string | null): number
  write(topic: string, message: Message): void
  read(topic: string, partition: number): readonly ReceivedMessage[]
  lowOffset(topic: string, partition: number): bigint
  endOffset(topic: string, partition: number): bigint
  /** Retention: drops all messages of the partition before `offset`. */
  dropBefore(topic: string, partition: number, offset: bigint): void
}

export function createInMemoryBroker(partitions = 3): InMemoryBroker {
  const logs = new Map<string, { low: bigint; messages: ReceivedMessage[] }>()

  function log(topic: string, partition: number) {
    const key = `${topic}/${partition}`
    const found = logs.get(key) ?? { low: 0n, messages: [] }
    logs.set(key, found)
    return found
  }

  function partitionOf(key: string | null): number {
    const hash = createHash("sha256")
      .update(key ?? "")
      .digest()
    return hash.readUInt32BE(0) % partitions
  }

  return {
    partitions,
    partitionOf,
    write(topic, message) {
      const partition = partitionOf(message.key)
      const { messages } = log(topic, partition)
      messages.push({ ...message, topic, partition, offset: BigInt(messages.length) })
    },
    read: (topic, partition) => log(topic, partition).messages.slice(Number(log(topic, partition).low)),
    lowOffset: (topic, partition) => log(topic, partition).low,
    endOffset: (topic, partition) => BigInt(log(topic, partition).messages.length),
    dropBefore(topic, partition, offset) {
      log(topic, partition).low = offset
    },
  }
}
