import { randomUUID } from "node:crypto"
import { Kafka, logLevel } from "kafkajs"
import postgres from "postgres"
import { describe, expect, inject, it, vi } from "vitest"

describe("shared infrastructure", () => {
  it("is a PostgreSQL 18 that syncs commits and allows prepared transactions", async () => {
    const sql = postgres(inject("databaseUrl"), { max: 1 })
    try {
      const settings = await sql<{ name: string; setting: string }[]>`
        select name, setting from pg_settings
        where name in ('server_version_num', 'fsync', 'max_prepared_transactions', 'max_connections')`
      const value = Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))
      expect(Math.floor(Number(value.server_version_num) / 10_000)).toBe(18)
      expect(value.fsync).toBe("on")
      expect(Number(value.max_prepared_transactions)).toBeGreaterThanOrEqual(10)
      expect(Number(value.max_connections)).toBeGreaterThanOrEqual(300)
    } finally {
      await sql.end()
    }
  })

  it("is a Kafka that makes no topic by itself", async () => {
    const kafka = new Kafka({
      brokers: inject("kafkaBrokers"),
      logLevel: logLevel.NOTHING,
      retry: { retries: 1 },
    })
    const admin = kafka.admin()
    await admin.connect()
    try {
      await expect(admin.fetchTopicMetadata({ topics: ["never-made"] })).rejects.toThrow(
        /does not host this topic/,
      )
      expect(await admin.listTopics()).not.toContain("never-made")
    } finally {
      await admin.disconnect()
    }
  })

  it("is a Kafka that takes idempotent messages and serves them to a group", async () => {
    const kafka = new Kafka({ brokers: inject("kafkaBrokers"), logLevel: logLevel.NOTHING })
    const name = `embedded-services-${randomUUID()}`
    const [admin, producer, consumer] = [
      kafka.admin(),
      kafka.producer({ idempotent: true }),
      kafka.consumer({ groupId: name }),
    ]
    await Promise.all([admin.connect(), producer.connect(), consumer.connect()])
    try {
      await admin.createTopics({ topics: [{ topic: name }], waitForLeaders: false })
      await vi.waitFor(
        async () => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
          expect(topics[0]?.partitions.filter(({ leader }) => leader >= 0)).toHaveLength(3)
        },
        { timeout: 30_000, interval: 100 },
      )
      await consumer.subscribe({ topic: name, fromBeginning: true })
      const received = new Promise<string | undefined>(resolve => {
        void consumer.run({ eachMessage: async ({ message }) => resolve(message.value?.toString()) })
      })
      await producer.send({ topic: name, acks: -1, messages: [{ key: "k", value: "v" }] })
      expect(await received).toBe("v")
    } finally {
      await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
    }
  })

  it("is a chain with the development chain id", async () => {
    const response = await fetch(inject("blockchainProviderUrl"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
    })
    expect(await response.json()).toMatchObject({ result: "0x7a69" })
  })
})
