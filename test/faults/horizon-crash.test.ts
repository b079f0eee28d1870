import { setTimeout as wait } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { migrate } from "../../src/adapters/postgres/migrate.ts"
import { createPostgresEventSource } from "../../src/adapters/postgres/relay/event-source.ts"
import type { Position } from "../../src/domain/position.ts"
import { subjectBytes } from "../../src/domain/subject.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { anySubject } from "../support/event-builders.ts"
import { highest, holders, naive, visible } from "../support/faults/wrong-readers.ts"
import { beginWriter } from "../support/outbox-writer.ts"
import { embeddedBinaries } from "../support/postgres-binaries.ts"
import { createPostgresCluster, type PostgresCluster } from "../support/postgres-cluster.ts"
import { until } from "../support/until.ts"

const ROUNDS = Number(process.env.TEST_CRASHES ?? 3)
const TIMEOUT_MS = 120_000 + ROUNDS * 30_000

describe("the lock horizon over a crash of the server", () => {
  let cluster: PostgresCluster
  let opened: Sql[]
  beforeEach(async () => {
    opened = []
    cluster = await createPostgresCluster(embeddedBinaries())
    await cluster.start()
    await migrate(open(2))
  }, 60_000)
  afterEach(async () => {
    await Promise.all(opened.map(closeDatabase))
    await cluster.remove()
  })

  function open(max: number): Sql {
    const sql = openDatabase({ url: cluster.url, max, applicationName: "test" })
    opened.push(sql)
    return sql
  }

  function follow() {
    const source = createPostgresEventSource({ sql: open(1), clock: systemClock })
    const given: Position[] = []
    return {
      given,
      async pass() {
        const events = await source.readSafe(given.at(-1) ?? 0n, 1_000)
        given.push(...events.map(({ position }) => position))
        return given
      },
    }
  }

  test(
    "waits for a transaction that is prepared before it, where (H, L) kept over the reconnect loses it",
    async () => {
      const reader = follow()
      const late = await beginWriter(open(1))
      const lost = await late.append()
      const early = await beginWriter(open(1))
      const told = await early.append()
      await early.commit()
      // The control remembers what the reader does, and does not forget it.
      const remembered = { upTo: await highest(open(1)), held: await holders(open(1)) }
      await reader.pass()
      await late.prepare("late")
      await cluster.crash()
      await cluster.start()
      const sql = open(2)
      const now = await holders(sql)
      expect(now).toHaveLength(1)
      expect(remembered.held.some(holder => now.includes(holder))).toBe(false)
      const control = await visible(sql, 0n, remembered.upTo)
      for (let passes = 0; passes < 20; passes += 1) await reader.pass().catch(() => wait(50))
      expect(reader.given).toEqual([])
      await sql`commit prepared 'late'`
      control.push(...(await naive(sql, control.at(-1) ?? 0n)))
      expect(control).toEqual([told])
      await until(reader.pass, given => given.length === 2)
      expect(reader.given).toEqual([lost, told])
    },
    TIMEOUT_MS,
  )

  test(
    "gives nothing of asynchronous commits that the crash takes back, where a reader of what is there does",
    async () => {
      let toldAndGone = 0
      await open(1)`alter database postgres set synchronous_commit = off`
      const reader = follow()
      for (let round = 0; round < ROUNDS; round += 1) {
        const told = new Set<Position>()
        let going = true
        const sql = open(3)
        const failing = (work: () => Promise<unknown>) => async () => {
          // Not at once: a statement given to the driver in the turn of a connection's reset is never answered.
          while (going) await work().catch(() => wait(50))
        }
        const write = failing(async () => {
          await sql`select from reconciler.append('unblock-ip.requested', ${subjectBytes(anySubject())}, '{}'::jsonb)`
        })
        const control = failing(async () => {
          for (const position of await naive(sql, [...told].at(-1) ?? 0n)) told.add(position)
        })
        const before = reader.given.length
        const running = [write(), control(), failing(reader.pass)()]
        await until(
          () => reader.given.length,
          count => count > before + 100,
        )
        await cluster.crash()
        going = false
        await Promise.all(running)
        await cluster.start()
        const left = new Set(await naive(open(1), 0n))
        expect(reader.given.filter(position => !left.has(position))).toEqual([])
        toldAndGone += [...told].filter(position => !left.has(position)).length
        await until(
          () => reader.pass().catch(() => wait(50)),
          () => reader.given.length === left.size,
        )
      }
      expect(toldAndGone).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
})
