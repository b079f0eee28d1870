import { setTimeout as wait } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { createPostgresEventSource } from "../../../src/adapters/postgres/relay/event-source.ts"
import { flushWal, readWalPositions } from "../../../src/adapters/postgres/relay/statements.ts"
import { seededRandom } from "../../../src/demo/random.ts"
import type { Position } from "../../../src/domain/position.ts"
import { subjectBytes } from "../../../src/domain/subject.ts"
import type { EventSource } from "../../../src/relay/ports.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject } from "../../support/event-builders.ts"
import { beginWriter } from "../../support/outbox-writer.ts"
import { testSeed } from "../../support/seed.ts"
import { until } from "../../support/until.ts"

const seed = testSeed()

describe("the lock horizon", () => {
  let database: TestDatabase
  let sql: Sql
  let own: Sql
  let source: EventSource
  beforeEach(async () => {
    database = await createTestDatabase({ max: 12 })
    sql = database.sql
    own = openDatabase({ url: database.url, max: 1, applicationName: "test-horizon" })
    source = createPostgresEventSource({ sql: own, clock: systemClock })
  })
  afterEach(async () => {
    await closeDatabase(own)
    await database.drop()
  })

  /** Reads as a relay would, from the last position on. */
  function follow(read: (after: Position) => Promise<readonly Position[]>) {
    const given: Position[] = []
    return {
      given,
      pass: async () => void given.push(...(await read(given.at(-1) ?? 0n))),
    }
  }
  const safe = () => follow(async after => (await source.readSafe(after, 100)).map(event => event.position))
  /** The negative control: what is there above the cursor. */
  const naive = () =>
    follow(async after => {
      const rows = await sql<{ seq: bigint }[]>`
        select seq from reconciler.outbox where seq > ${after} order by seq limit 100`
      return rows.map(({ seq }) => seq)
    })

  async function committed(): Promise<Position> {
    const writer = await beginWriter(sql)
    const position = await writer.append()
    await writer.commit()
    return position
  }

  async function allPositions(): Promise<Position[]> {
    const rows = await sql<{ seq: bigint }[]>`select seq from reconciler.outbox order by seq`
    return rows.map(({ seq }) => seq)
  }

  test("does not skip a transaction that commits late, as a reader of what is there does", async () => {
    const [reader, control] = [safe(), naive()]
    const late = await beginWriter(sql)
    const position = await late.append()
    const early = await committed()
    for (let pass = 0; pass < 5; pass += 1) {
      // So that nothing but the open transaction is waited for.
      await flushWal(sql)
      await Promise.all([reader.pass(), control.pass()])
    }
    expect([reader.given, control.given]).toEqual([[], [early]])
    await late.commit()
    await control.pass()
    await until(
      async () => {
        await reader.pass()
        return reader.given
      },
      given => given.length === 2,
    )
    expect(reader.given).toEqual([position, early])
    expect(control.given).toEqual([early])
  })

  test(`loses and inverts nothing under 8 writers that dawdle and roll back, where the naive reader loses (seed ${seed})`, async () => {
    const subjects = Array.from({ length: 12 }, anySubject).sort()
    const [reader, control] = [safe(), naive()]
    let writing = true
    const read = async (target: typeof reader) => {
      while (writing) await target.pass()
    }
    const write = async (writer: number) => {
      const random = seededRandom(seed + writer)
      for (let round = 0; round < 60; round += 1) {
        const tx = await beginWriter(sql, { synchronousCommit: random.chance(0.3) ? "off" : "on" })
        for (const subject of subjects.filter(() => random.chance(0.15))) await tx.append(subject)
        if (random.chance(0.5)) await wait(random.below(8))
        await (random.chance(0.15) ? tx.rollback() : tx.commit())
      }
    }
    const readers = [read(reader), read(control)]
    await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
    writing = false
    await Promise.all(readers)
    const all = await allPositions()
    await until(
      async () => {
        await reader.pass()
        return reader.given.length
      },
      count => count >= all.length,
    )
    for (let pass = 0; pass < 20; pass += 1) await control.pass()
    expect(reader.given).toEqual(all)
    expect(control.given.length).toBeLessThan(all.length)
  })

  test("gives nothing that the server could still forget", async () => {
    let toldTooEarlyByControl = 0
    const reader = safe()
    for (let round = 0; round < 30; round += 1) {
      const writer = await beginWriter(sql, { synchronousCommit: "off" })
      const position = await writer.append()
      // Sampled while it is open, and all written by then is flushed: its commit record comes after both.
      await reader.pass()
      await flushWal(sql)
      await writer.commit()
      const { inserted: commitEnd } = await readWalPositions(sql)
      // The row is visible now: a reader of what is there would tell it.
      if ((await readWalPositions(sql)).flushed < commitEnd) toldTooEarlyByControl += 1
      await until(
        async () => {
          await reader.pass()
          return reader.given.at(-1)
        },
        last => last === position,
      )
      expect((await readWalPositions(sql)).flushed).toBeGreaterThanOrEqual(commitEnd)
    }
    expect(toldTooEarlyByControl).toBeGreaterThan(0)
  })

  test("asks for the flush itself, and does not wait for the next commit of the app", async () => {
    // Its records fill no page and it does not commit: the WAL writer leaves them, and what lies before with them.
    const idle = await sql.reserve()
    await idle`create table public.of_the_app (text text)`
    await idle`begin`
    await idle`insert into public.of_the_app values ('x')`
    const writer = await beginWriter(sql)
    const position = await writer.append()
    await writer.commit()
    await idle`insert into public.of_the_app values ('y')`
    const reader = safe()
    await until(
      async () => {
        await reader.pass()
        return reader.given
      },
      given => given.length === 1,
    )
    expect(reader.given).toEqual([position])
    await idle`rollback`
    idle.release()
  })

  test("waits for a transaction that is prepared between two passes", async () => {
    const reader = safe()
    const late = await beginWriter(sql)
    const held = await late.append()
    const early = await committed()
    await reader.pass()
    const name = `late-${held}`
    await late.prepare(name)
    for (let pass = 0; pass < 5; pass += 1) await reader.pass()
    expect(reader.given).toEqual([])
    await sql.unsafe(`commit prepared '${name}'`)
    await until(
      async () => {
        await reader.pass()
        return reader.given
      },
      given => given.length === 2,
    )
    expect(reader.given).toEqual([held, early])
  })

  test("waits for a row that is put into a partition directly", async () => {
    const reader = safe()
    const [{ partition } = { partition: "" }] = await sql<{ partition: string }[]>`
      select tableoid::regclass::text as partition from reconciler.outbox
      where seq = ${await committed()}`
    const connection = await sql.reserve()
    await connection`begin`
    await connection`insert into ${connection.unsafe(partition)} (type, subject, payload)
      values ('unblock-ip.requested', ${subjectBytes(anySubject())}, '{}')`
    const early = await committed()
    for (let pass = 0; pass < 5; pass += 1) await reader.pass()
    expect(reader.given).not.toContain(early)
    await connection`commit`
    connection.release()
    await until(
      async () => {
        await reader.pass()
        return reader.given.length
      },
      count => count === 3,
    )
    expect(reader.given).toEqual(await allPositions())
  })

  test("begins anew when its connection was cut, and loses nothing", async () => {
    const reader = safe()
    const late = await beginWriter(sql)
    const held = await late.append()
    const early = await committed()
    await reader.pass()
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'test-horizon'`
    await until(
      () => reader.pass().catch(() => "cut"),
      outcome => outcome === undefined,
    )
    expect(reader.given).toEqual([])
    await late.commit()
    await until(
      async () => {
        await reader.pass()
        return reader.given
      },
      given => given.length === 2,
    )
    expect(reader.given).toEqual([held, early])
  })
})
