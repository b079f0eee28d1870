import { Kafka, logLevel } from "kafkajs"
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest"
import { insertDeadLetter } from "../../../src/adapters/postgres/dead-letters/insert.ts"
import type { Topics } from "../../../src/bus/topics.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import type { PoisonPolicy } from "../../../src/domain/order.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import { EXIT } from "../../../src/runtime/errors.ts"
import { runCommand } from "../../support/command.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, event, manualBlockRequested, unblockRequested } from "../../support/event-builders.ts"
import { insertNext } from "../../support/insert-events.ts"
import { createTestTopics, readAll } from "../../support/kafka.ts"
import { startPoisonPipeline } from "../../support/poison-pipeline.ts"
import { until } from "../../support/until.ts"

/** Takes an unblock without trace context, and nothing larger. */
const SMALL_BYTES = 520
const USUAL_BYTES = 1_048_588
const TIMEOUT_MS = 60_000
const WAIT_MS = 20_000

type Kind = "unknown type" | "refused by the broker" | "payload against its schema"
const KINDS: readonly Kind[] = ["unknown type", "refused by the broker", "payload against its schema"]
const REASONS: Readonly<Record<Kind, readonly [source: string, reason: string]>> = {
  "unknown type": ["relay", "unknown-type"],
  "refused by the broker": ["relay", "message-too-large"],
  "payload against its schema": ["chain-writer", "bad-payload"],
}

describe.skipIf(inject("kafkaBrokers").length === 0)("poison, from the log to the chain's queue", () => {
  let database: TestDatabase
  let topics: Topics
  let subject: Subject
  let stop: () => Promise<void>
  beforeEach(async () => {
    database = await createTestDatabase()
    topics = await createTestTopics()
    await limitMessages(topics["ip-block"], SMALL_BYTES)
    subject = anySubject()
    stop = async () => {}
  })
  afterEach(async () => {
    await stop()
    await database.drop()
  })

  function start(onPoison: PoisonPolicy): void {
    const { sql, url } = database
    stop = startPoisonPipeline({ sql, url, topics, onPoison }).stop
  }

  /** Small enough for the topic. */
  const request = (of = subject) => ({ ...unblockRequested(of), traceparent: null })

  const append = (...events: readonly EventRecord[]) => insertNext(database.sql, events)

  function poisonOf(kind: Kind): EventRecord {
    if (kind === "unknown type") return { ...event("teleport-patient.requested", subject), traceparent: null }
    // Too large only because of its trace context: nothing is wrong with it once the broker takes it.
    if (kind === "refused by the broker")
      return { ...manualBlockRequested(subject), causationId: request().eventId }
    return { ...event("unblock-ip.requested", subject, { why: 1 }), traceparent: null }
  }

  async function queuedOf(of: Subject): Promise<readonly bigint[]> {
    const rows = await database.sql<{ position: bigint }[]>`
      select position from reconciler.chain_operations
      where subject = decode(${of.slice(2)}, 'hex') and state = 'pending' order by accepted_at, position`
    return rows.map(({ position }) => position)
  }

  async function letters() {
    return database.sql<{ id: bigint; source: string; reason: string; position: bigint; state: string }[]>`
      select id, source, reason, position, state from reconciler.dead_letters order by position`
  }

  const command = (...argv: string[]) =>
    runCommand(["dead-letters", ...argv], {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: inject("kafkaBrokers").join(","),
    })

  describe.each(KINDS)("%s", kind => {
    test(
      "with block-subject, holds its subject back and nothing else",
      async () => {
        const [before, poison, after, other] = await append(
          request(),
          poisonOf(kind),
          request(),
          request(anySubject()),
        )
        start("block-subject")
        await until(letters, found => found.length === 2, WAIT_MS)
        await until(
          () => queuedOf(other!.subject),
          queued => queued.length === 1,
          WAIT_MS,
        )
        const [source, reason] = REASONS[kind]
        const [later] = await append(request())
        await until(letters, found => found.length === 3, WAIT_MS)
        expect((await letters()).map(each => [each.source, each.reason, each.position])).toEqual([
          [source, reason, poison!.position],
          [source, "subject-blocked", after!.position],
          [source, "subject-blocked", later!.position],
        ])
        // Another partition than the other subject's: it may come later.
        await until(
          () => queuedOf(subject),
          queued => queued.length > 0,
          WAIT_MS,
        )
        expect(await queuedOf(subject)).toEqual([before!.position])
      },
      TIMEOUT_MS,
    )

    test(
      "with skip, holds nothing back",
      async () => {
        const [before, poison, after] = await append(request(), poisonOf(kind), request())
        start("skip")
        await until(
          () => queuedOf(subject),
          queued => queued.length === 2,
          WAIT_MS,
        )
        await until(letters, found => found.length === 1, WAIT_MS)
        expect((await letters())[0]).toMatchObject({ reason: REASONS[kind][1], position: poison!.position })
        expect(await queuedOf(subject)).toEqual([before!.position, after!.position])
      },
      TIMEOUT_MS,
    )
  })

  test(
    "what the broker takes now goes with all behind it, in order, by the real command",
    async () => {
      const events = await append(request(), poisonOf("refused by the broker"), request(), request())
      start("block-subject")
      await until(letters, found => found.length === 3, WAIT_MS)
      const [poison] = await letters()
      const refused = await command("requeue", String(poison!.id), "--json")
      expect(refused.code).toBe(EXIT.partialFailure)
      expect(JSON.parse(refused.stdout)).toMatchObject([
        { id: String(poison!.id), outcome: "failed-again", reason: "message-too-large" },
        { outcome: "still-blocked" },
        { outcome: "still-blocked" },
      ])
      await limitMessages(topics["ip-block"], USUAL_BYTES)
      const sent = await command("requeue", "--subject", subject, "--yes")
      expect(sent).toMatchObject({ code: EXIT.ok, stderr: "" })
      expect(sent.stdout.match(/went through/g)).toHaveLength(3)
      const all = events.map(({ position }) => position)
      expect(
        await until(
          () => queuedOf(subject),
          queued => queued.length === 4,
          WAIT_MS,
        ),
      ).toEqual(all)
      const [next] = await append(request())
      expect(
        await until(
          () => queuedOf(subject),
          queued => queued.length === 5,
          WAIT_MS,
        ),
      ).toEqual([...all, next!.position])
    },
    TIMEOUT_MS,
  )

  test(
    "what an older release could not read goes after the update, from the relay and from intake",
    async () => {
      const stranger = anySubject()
      const [fromRelay, behind, fromIntake, second] = await append(
        request(),
        request(),
        request(stranger),
        request(stranger),
      )
      for (const [source, reason, event] of [
        ["relay", "unknown-type", fromRelay!],
        ["relay", "subject-blocked", behind!],
        ["chain-writer", "bad-payload", fromIntake!],
        ["chain-writer", "subject-blocked", second!],
      ] as const) {
        await insertDeadLetter(database.sql, { ...event, source, reason, blocksSubject: true })
      }
      await database.sql`
      insert into reconciler.relay_cursor (name, position) values ('relay', ${second!.position})`
      start("block-subject")
      expect((await command("requeue", "--all", "--yes")).code).toBe(EXIT.ok)
      expect(await queuedOf(stranger)).toEqual([fromIntake!.position, second!.position])
      await until(
        () => queuedOf(subject),
        queued => queued.length === 2,
        WAIT_MS,
      )
      expect(await queuedOf(subject)).toEqual([fromRelay!.position, behind!.position])
      expect((await command("list")).code).toBe(EXIT.ok)
    },
    TIMEOUT_MS,
  )

  test(
    "each letter is announced on its topic, without contents",
    async () => {
      await append(poisonOf("unknown type"), poisonOf("payload against its schema"))
      start("skip")
      const told = await until(
        () => readAll([topics.deadLetters]),
        messages => messages.length >= 2,
        WAIT_MS,
      )
      expect(told.map(({ value }) => JSON.parse(value ?? "").reason).toSorted()).toEqual([
        "bad-payload",
        "unknown-type",
      ])
      expect(told[0]).toMatchObject({ key: subject, headers: { ce_type: "caregrid.dead-letter.open" } })
      expect(JSON.stringify(told.map(({ value }) => value))).not.toContain('payload":')
    },
    TIMEOUT_MS,
  )
})

async function limitMessages(topic: string, bytes: number): Promise<void> {
  const kafka = new Kafka({ brokers: [...inject("kafkaBrokers")], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [{ name: "max.message.bytes", value: String(bytes) }]
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] })
  await admin.disconnect()
}
