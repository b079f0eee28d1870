import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase } from "../../../src/adapters/postgres/client.ts"
import { createPostgresRelayCursor } from "../../../src/adapters/postgres/relay/cursor.ts"
import { createPostgresEventSource } from "../../../src/adapters/postgres/relay/event-source.ts"
import { createPostgresRelayLetters } from "../../../src/adapters/postgres/relay/letters.ts"
import { createPostgresRelayStatus } from "../../../src/adapters/postgres/relay/status.ts"
import { parseMessage } from "../../../src/bus/envelope.ts"
import { requestTopics, type Topics } from "../../../src/bus/topics.ts"
import { type Subject, subjectBytes } from "../../../src/domain/subject.ts"
import { createRelay, type Relay } from "../../../src/relay/relay.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { runTicker } from "../../../src/runtime/ticker.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject } from "../../support/event-builders.ts"
import { createTestTopics, kafkaClient, readAll } from "../../support/kafka.ts"
import { beginWriter } from "../../support/outbox-writer.ts"
import { until } from "../../support/until.ts"

describe("the relay, from Postgres to Kafka", () => {
  let database: TestDatabase
  let topics: Topics
  let closers: (() => Promise<void>)[]
  beforeEach(async () => {
    closers = []
    database = await createTestDatabase()
    topics = await createTestTopics()
  })
  afterEach(async () => {
    for (const close of closers.reverse()) await close()
    await database.drop()
  })

  function open(holder: string, leaseMs = 60_000): Relay {
    const sql = openDatabase({ url: database.url, max: 1, applicationName: holder })
    const publisher = kafkaClient().publisher()
    closers.push(
      () => closeDatabase(sql),
      () => publisher.close(),
    )
    return createRelay({
      source: createPostgresEventSource({ sql, clock: systemClock }),
      cursor: createPostgresRelayCursor(database.sql),
      letters: createPostgresRelayLetters(database.sql),
      onPoison: "skip",
      publisher,
      topics,
      clock: systemClock,
      holder,
      leaseMs,
      batchSize: 50,
      logger: silentLogger,
    })
  }

  /** Loops as in production; the answer stops it, and gives the lease back if asked to. */
  function run(relay: Relay): (options: { release: boolean }) => Promise<void> {
    const stop = new AbortController()
    const ended = runTicker(relay, {
      clock: systemClock,
      logger: silentLogger,
      signal: stop.signal,
      idleMs: 50,
      waitForWork: relay.waitForWork,
    })
    return async ({ release }) => {
      stop.abort()
      await ended
      if (release) await relay.release()
    }
  }

  async function append(subjects: readonly Subject[], count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const tx = await beginWriter(database.sql)
      await tx.append(subjects[index % subjects.length])
      await tx.commit()
    }
  }

  const status = () => createPostgresRelayStatus(database.sql).waiting()
  const nothingWaits = () =>
    until(
      async () => (await status()).waiting,
      waiting => waiting === 0,
    )

  async function publishedPositions(): Promise<Map<string, bigint[]>> {
    const bySubject = new Map<string, bigint[]>()
    for (const message of await readAll([...requestTopics(topics), topics.results])) {
      const parsed = parseMessage(message)
      if (!parsed.ok) throw new Error(parsed.reason)
      const { subject, position } = parsed.event
      const positions = bySubject.get(subject) ?? []
      // Consumers know an event by its id: only its first appearance counts.
      if (!positions.includes(position)) bySubject.set(subject, [...positions, position])
    }
    return bySubject
  }

  async function expectAllPublishedInOrder(): Promise<void> {
    const bySubject = await publishedPositions()
    const rows = await database.sql<{ seq: bigint }[]>`select seq from reconciler.outbox order by seq`
    for (const positions of bySubject.values()) {
      expect(positions).toEqual(positions.toSorted((left, right) => (left < right ? -1 : 1)))
    }
    const all = [...bySubject.values()].flat().sort((left, right) => (left < right ? -1 : 1))
    expect(all).toEqual(rows.map(({ seq }) => seq))
  }

  test("of two relays one is active; each takes over from the other, and nothing is lost or inverted", async () => {
    const subjects = Array.from({ length: 7 }, anySubject)
    const [one, two] = [open("one", 300), open("two", 300)]
    const stopOne = run(one)
    const writing = append(subjects, 300)
    await until(
      async () => (await status()).waiting,
      waiting => waiting > 0,
    )
    const stopTwo = run(two)
    // The lease is not given back, as after a kill: the other waits until it ran out.
    await stopOne({ release: false })
    await writing
    await nothingWaits()
    await stopTwo({ release: true })
    await append(subjects, 20)
    const stopAgain = run(one)
    await nothingWaits()
    await stopAgain({ release: true })
    await expectAllPublishedInOrder()
  })

  test("sets aside what no topic or broker takes, by id and without contents, and lets the others flow", async () => {
    const subject = anySubject()
    await append([subject], 3)
    const huge = JSON.stringify({ text: "patient's words ".repeat(200_000) })
    for (const [type, payload] of [
      ["teleport-patient.requested", "{}"],
      ["unblock-ip.requested", huge],
    ] as const) {
      await database.sql`
        insert into reconciler.outbox (type, subject, payload)
        values (${type}, ${subjectBytes(subject)}, ${payload}::text::jsonb)`
    }
    await append([subject], 3)
    expect((await status()).waiting).toBe(8)
    expect((await status()).oldestAgeMs).toBeGreaterThanOrEqual(0)
    const stop = run(open("one"))
    await nothingWaits()
    await stop({ release: true })
    expect((await publishedPositions()).get(subject)).toHaveLength(6)
    const letters = await database.sql<{ reason: string; type: string }[]>`
      select reason, type from reconciler.dead_letters where source = 'relay' order by position`
    expect(letters.map(({ reason, type }) => [reason, type])).toEqual([
      ["unknown-type", "teleport-patient.requested"],
      ["message-too-large", "unblock-ip.requested"],
    ])
    expect(await status()).toEqual({ waiting: 0, oldestAgeMs: null })
  })

  test("goes on by itself after its connections were cut", async () => {
    const stop = run(open("one"))
    await append([anySubject()], 20)
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'one'`
    await append([anySubject()], 20)
    await nothingWaits()
    await stop({ release: true })
    await expectAllPublishedInOrder()
  })
})
