import { Kafka, logLevel } from "kafkajs"

/** The broker as the benchmark sees it, with a client of its own: the same for all that is measured. */
export interface BenchBus {
  /** How many messages the topics hold. */
  count(topics: readonly string[]): Promise<number>
  createTopics(topics: readonly string[], partitions: number): Promise<void>
  /** Resolves when the topics hold `messages`, with the seconds that took; rejects after `deadlineMs`. */
  reached(topics: readonly string[], messages: number, deadlineMs?: number): Promise<number>
  /** Calls back for each message that is new from now on. */
  listen(topic: string, onMessage: (value: string, atMs: number) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

const POLL_MS = 10

const sum = (offsets: readonly { readonly offset: string }[]) =>
  offsets.reduce((total, { offset }) => total + Number(offset), 0)

export async function openBus(brokers: readonly string[]): Promise<BenchBus> {
  const kafka = new Kafka({ clientId: "bench", brokers: [...brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()

  async function count(topics: readonly string[], tries = 50): Promise<number> {
    try {
      const offsets = await Promise.all(topics.map(topic => admin.fetchTopicOffsets(topic)))
      return sum(offsets.flat())
    } catch (error) {
      // A topic that has just been made is not led yet.
      if (tries === 0) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
      return count(topics, tries - 1)
    }
  }

  return {
    count,
    async createTopics(topics, numPartitions) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: topics.map(topic => ({ topic, numPartitions, replicationFactor: 1 })),
      })
    },
    async reached(topics, messages, deadlineMs = 300_000) {
      const startedMs = performance.now()
      for (;;) {
        const found = await count(topics)
        const tookMs = performance.now() - startedMs
        if (found >= messages) return tookMs / 1000
        if (tookMs > deadlineMs) throw new Error(`${found} of ${messages} messages after ${deadlineMs} ms`)
        await new Promise(resolve => setTimeout(resolve, POLL_MS))
      }
    },
    async listen(topic, onMessage) {
      const consumer = kafka.consumer({
        groupId: `bench-${process.pid}-${performance.now()}`,
        maxWaitTimeInMs: 100,
        minBytes: 1,
      })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: false })
      const joined = new Promise<void>(resolve => void consumer.on("consumer.group_join", () => resolve()))
      const fetched = new Promise<void>(resolve => void consumer.on("consumer.fetch", () => resolve()))
      await consumer.run({
        eachMessage: async ({ message }) => onMessage(message.value?.toString() ?? "", performance.now()),
      })
      await joined
      await fetched
      return () => consumer.disconnect()
    },
    close: () => admin.disconnect(),
  }
}
