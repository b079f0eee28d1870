import { afterEach, describe, expect, inject, test } from "vitest"
import { KAFKA_CLIENTS } from "../../src/adapters/kafka/settings.ts"
import { createBusFindings } from "../../src/adapters/postgres/bus/findings.ts"
import { freePort } from "../../src/embedded/ports.ts"
import { EXIT } from "../../src/runtime/errors.ts"
import { runCommand } from "../support/command.ts"
import { createTestDatabase } from "../support/database.ts"
import { startKafkaProxy } from "../support/faults/kafka-proxy.ts"
import { judgeDelivery, startRelayRun, startWriter } from "../support/faults/relay-run.ts"
import { until } from "../support/until.ts"

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

describe("what status says in an outage", () => {
  test.each(KAFKA_CLIENTS)("of Kafka, under a relay over %s: a finding while it lasts", async client => {
    const [broker = ""] = inject("kafkaBrokers")
    const database = await createTestDatabase()
    closers.push(() => database.drop())
    const proxy = await startKafkaProxy(broker)
    closers.push(() => proxy.close())
    const where = { sql: database.sql, databaseUrl: database.url, brokers: [proxy.address], client }
    const relay = await startRelayRun(where)
    closers.push(() => relay.stop())
    const writer = startWriter(database.sql)
    closers.push(() => writer.stop())
    const settings = {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: proxy.address,
      TOPIC_PREFIX: relay.topics.patient.replace(".patient", ""),
    }
    await until(writer.appended, count => count > 50)
    proxy.reachable(false)
    const findings = createBusFindings(database.sql)
    await until(
      () => findings.list(),
      open => open.length > 0,
    )
    const during = await runCommand(["status", "--json"], settings)
    const told = JSON.parse(during.stdout)
    expect(told).toMatchObject({
      consumerLag: null,
      findings: [{ finding: "kafka-unreachable", about: "relay", sinceMs: expect.any(Number) }],
    })
    expect(Math.abs(Date.now() - told.findings[0].sinceMs)).toBeLessThan(60_000)
    expect(during.code).toBe(EXIT.partialFailure)
    const shown = await runCommand(["status"], settings)
    expect(shown.stdout).toMatch(/unknown: Kafka does not answer[\s\S]*findings: kafka-unreachable \(relay\)/)
    proxy.reachable(true)
    await until(
      () => findings.list(),
      open => open.length === 0,
    )
    const appended = await writer.stop()
    await relay.caughtUp()
    expect(await judgeDelivery(database.sql, relay.topics, [broker])).toMatchObject({
      logged: appended,
      lost: [],
      inverted: [],
    })
    const after = await runCommand(["status", "--json"], settings)
    expect(JSON.parse(after.stdout)).toMatchObject({ findings: [], consumerLag: expect.any(Object) })
    expect(after.code).toBe(EXIT.ok)
  })

  test("of Postgres: that it is away and what to do, with exit code 69", async () => {
    const url = `postgres://postgres:s3cret@127.0.0.1:${await freePort()}/postgres`
    const answer = await runCommand(["status"], {
      DATABASE_URL: url,
      KAFKA_BROKERS: inject("kafkaBrokers").join(","),
    })
    expect(answer.code).toBe(EXIT.unavailable)
    expect(answer.stderr).toMatch(/PostgreSQL cannot be used.*check DATABASE_URL, that the server runs/)
    expect(answer.stderr).not.toContain("s3cret")
  })
})
