import { randomBytes } from "node:crypto"
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest"
import { allTopics, type Topics, topicsWithPrefix } from "../../src/bus/topics.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { consumePositions } from "../support/faults/published.ts"
import { type RelayProcess, startRelayProcess } from "../support/faults/relay-process.ts"
import { until } from "../support/until.ts"

const ROUNDS = Number(process.env.TEST_TAKEOVERS ?? 2)
const LEASE_MS = 5_000
const TAKEOVER_AFTER_KILL_MS = 2_000
const SUBJECTS = 50
const EVENTS_A_ROUND = 20_000
const TIMEOUT_MS = 60_000 + ROUNDS * 60_000

describe("two relays, each in a process of its own", () => {
  let database: TestDatabase
  let topicPrefix: string
  let topics: Topics
  let relays: RelayProcess[]
  beforeEach(async () => {
    database = await createTestDatabase()
    topicPrefix = `takeover-${randomBytes(6).toString("hex")}`
    topics = topicsWithPrefix(topicPrefix)
    relays = []
  })
  afterEach(async () => {
    await Promise.all(relays.map(relay => relay.stop()))
    await database.drop()
  })

  function start(client = "platformatic"): RelayProcess {
    const settings = { LEASE_MS: String(LEASE_MS), RELAY_BATCH_SIZE: "200", KAFKA_CLIENT: client }
    const relay = startRelayProcess({ databaseUrl: database.url, topicPrefix, settings })
    relays.push(relay)
    return relay
  }

  /** Committed at once, as a backlog. */
  async function append(events: number): Promise<void> {
    await database.sql`
      insert into reconciler.outbox (type, subject, payload)
      select 'unblock-ip.requested', sha256((n % ${SUBJECTS}::int)::text::bytea), '{}'
      from generate_series(1, ${events}::int) n`
  }

  async function cursor(): Promise<{ epoch: bigint; position: bigint }> {
    const [row] = await database.sql<{ epoch: bigint; position: bigint }[]>`
      select epoch, position from reconciler.relay_cursor`
    return row ?? { epoch: 0n, position: 0n }
  }

  async function highest(): Promise<bigint> {
    const [row] = await database.sql<{ highest: bigint }[]>`
      select coalesce(max(seq), 0)::bigint as highest from reconciler.outbox`
    return row?.highest ?? 0n
  }

  const caughtUp = async () => {
    const last = await highest()
    await until(cursor, ({ position }) => position >= last, 60_000)
  }

  /** The one that works, and one that waits for it and has said so by running for a while without the lease. */
  async function activeAndStandby(): Promise<{ active: RelayProcess; standby: RelayProcess }> {
    const active = start()
    await until(active.output, output => output.includes("relay active"), 30_000)
    const standby = start()
    await until(standby.output, output => output.includes('"running"'), 30_000)
    return { active, standby }
  }

  async function expectNothingLostOrInverted(): Promise<{ duplicates: number }> {
    const rows = await database.sql<{ seq: bigint }[]>`select seq from reconciler.outbox`
    const published = await consumePositions(inject("kafkaBrokers"), allTopics(topics))
    const first = new Set<bigint>()
    const last = new Map<string, bigint>()
    let inverted = 0
    for (const { subject, position } of published) {
      // Consumers know an event by its id: only its first appearance counts.
      if (first.has(position)) continue
      first.add(position)
      if (position < (last.get(subject) ?? 0n)) inverted += 1
      last.set(subject, position)
    }
    expect({ lost: rows.filter(({ seq }) => !first.has(seq)).length, inverted }).toEqual({
      lost: 0,
      inverted: 0,
    })
    return { duplicates: published.length - first.size }
  }

  test(
    `the standby goes on within ${TAKEOVER_AFTER_KILL_MS} ms of a kill -9`,
    async () => {
      const { active, standby } = await activeAndStandby()
      await append(EVENTS_A_ROUND)
      await until(cursor, ({ position }) => position > 0n)
      await active.kill()
      const { position } = await cursor()
      const killedMs = performance.now()
      await append(1)
      await until(cursor, now => now.epoch === 2n && now.position > position, TAKEOVER_AFTER_KILL_MS)
      process.stderr.write(`takeover after kill -9: ${Math.round(performance.now() - killedMs)} ms\n`)
      expect(standby.output()).toContain("relay active")
      await caughtUp()
      await expectNothingLostOrInverted()
    },
    TIMEOUT_MS,
  )

  test(
    "a stopped relay is replaced within its lease, and when it wakes it moves nothing: duplicates only",
    async () => {
      let { active, standby } = await activeAndStandby()
      const seen: bigint[] = []
      let watching = true
      const watched = (async () => {
        while (watching) seen.push((await cursor()).position)
      })()
      try {
        for (let round = 0; round < ROUNDS; round += 1) {
          const before = await cursor()
          await append(EVENTS_A_ROUND)
          await until(cursor, ({ position }) => position > before.position)
          active.pause()
          const stoppedMs = performance.now()
          const taken = await until(cursor, ({ epoch }) => epoch > before.epoch, LEASE_MS)
          process.stderr.write(`takeover after SIGSTOP: ${Math.round(performance.now() - stoppedMs)} ms\n`)
          expect(taken.epoch).toBe(before.epoch + 1n)
          await append(EVENTS_A_ROUND)
          active.resume()
          await until(active.output, output => /lease was lost|another relay took/.test(output))
          await caughtUp()
          expect((await cursor()).epoch).toBe(taken.epoch)
          await active.stop()
          ;[active, standby] = [standby, start()]
          await until(standby.output, output => output.includes('"running"'), 30_000)
        }
      } finally {
        watching = false
        await watched
      }
      expect(seen).toEqual(seen.toSorted((left, right) => Number(left - right)))
      const { duplicates } = await expectNothingLostOrInverted()
      process.stderr.write(`duplicates of what was in flight: ${duplicates}\n`)
      expect(duplicates).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
})
