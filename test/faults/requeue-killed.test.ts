import { randomBytes } from "node:crypto"
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest"
import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { createDeadLetterLevers } from "../../src/adapters/postgres/dead-letters/levers.ts"
import { parseMessage } from "../../src/bus/envelope.ts"
import { requestTopics, type Topics, topicsWithPrefix } from "../../src/bus/topics.ts"
import type { Subject } from "../../src/domain/subject.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { type RelayProcess, startRelayProcess } from "../support/faults/relay-process.ts"
import { readAll } from "../support/kafka.ts"
import { until } from "../support/until.ts"

const KILLS = Number(process.env.TEST_REQUEUE_KILLS ?? 3)
const SUBJECTS = 20
const LETTERS = 2_000
const TIMEOUT_MS = 60_000 + KILLS * 20_000

describe.skipIf(inject("kafkaBrokers").length === 0)(
  "a relay that is killed while it sends what was requeued",
  () => {
    let database: TestDatabase
    let topicPrefix: string
    let topics: Topics
    let relay: RelayProcess
    beforeEach(async () => {
      database = await createTestDatabase()
      topicPrefix = `requeue-${randomBytes(6).toString("hex")}`
      topics = topicsWithPrefix(topicPrefix)
    })
    afterEach(async () => {
      await relay.stop()
      await database.drop()
    })

    function start(): void {
      const settings = { LEASE_MS: "1000", RELAY_BATCH_SIZE: "20" }
      relay = startRelayProcess({ databaseUrl: database.url, topicPrefix, settings })
    }

    /** As a release leaves it that knew no unblocks: all set aside, and the cursor behind them. */
    async function setAll(): Promise<void> {
      await database.sql`
      insert into reconciler.outbox (type, subject, payload)
      select 'unblock-ip.requested', sha256((n % ${SUBJECTS}::int)::text::bytea), '{}'
      from generate_series(1, ${LETTERS}::int) n`
      await database.sql`
      insert into reconciler.dead_letters (source, reason, event_id, position, type, subject, blocks_subject)
      select 'relay', 'unknown-type', event_id, seq, type, subject, true from reconciler.outbox order by seq`
      await database.sql`
      insert into reconciler.relay_cursor (name, position) select 'relay', max(seq) from reconciler.outbox`
    }

    async function resolved(): Promise<number> {
      const [row] = await database.sql<[{ count: number }]>`
      select count(*)::int as count from reconciler.dead_letters where state = 'resolved'`
      return row.count
    }

    test(
      "loses none, sends none before an earlier one of its subject, and goes on with what comes new",
      async () => {
        await setAll()
        const levers = createDeadLetterLevers(database.sql)
        for (const { id } of await createDeadLetters(database.sql).list({ limit: SUBJECTS }))
          await levers.requeue(id)
        let before = 0
        for (let kill = 1; kill <= KILLS; kill += 1) {
          start()
          const target = Math.min(LETTERS - 1, before + Math.ceil((LETTERS - before) / (KILLS - kill + 2)))
          before = await until(resolved, count => count >= target, TIMEOUT_MS)
          await relay.kill()
        }
        expect(before).toBeLessThan(LETTERS)
        // Comes while its subject is still held back.
        await database.sql`
      insert into reconciler.outbox (type, subject, payload)
      select 'unblock-ip.requested', sha256((n % ${SUBJECTS}::int)::text::bytea), '{}' from generate_series(1, 40) n`
        start()
        await until(resolved, count => count >= LETTERS, TIMEOUT_MS)
        const rows = await database.sql<{ seq: bigint; subject: Subject }[]>`
      select seq, '0x' || encode(subject, 'hex') as subject from reconciler.outbox order by seq`
        const came = await until(firstAppearances, all => all.length >= rows.length, TIMEOUT_MS)
        for (const subject of new Set(rows.map(row => row.subject))) {
          const own = rows.filter(row => row.subject === subject).map(({ seq }) => seq)
          expect(came.filter(each => each.subject === subject).map(({ position }) => position)).toEqual(own)
        }
      },
      TIMEOUT_MS,
    )

    /** Consumers know an event by its id: only its first appearance counts. */
    async function firstAppearances() {
      const seen = new Set<bigint>()
      return (await readAll(requestTopics(topics))).flatMap(message => {
        const parsed = parseMessage(message)
        if (!parsed.ok || seen.has(parsed.event.position)) return []
        seen.add(parsed.event.position)
        return [{ subject: parsed.event.subject, position: parsed.event.position }]
      })
    }
  },
)
