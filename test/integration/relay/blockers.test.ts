import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { blockerFindings, readBlockers } from "../../../src/adapters/postgres/relay/blockers.ts"
import { createPostgresRelayStatus } from "../../../src/adapters/postgres/relay/status.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { beginWriter } from "../../support/outbox-writer.ts"
import { until } from "../../support/until.ts"

describe("who holds the relay back", () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await createTestDatabase()
  })
  afterEach(() => database.drop())

  test("is told by pid, name, age and statement, without what the statement says of anybody", async () => {
    const { sql } = database
    const connection = await sql.reserve()
    const [{ pid } = { pid: 0 }] = await connection<{ pid: number }[]>`select pg_backend_pid() as pid`
    await connection`set application_name = 'shift planner'`
    await connection`begin`
    await connection.unsafe(`insert into reconciler.outbox (type, subject, payload) -- of Ann
      values ('unblock-ip.requested', sha256('Ann''s 1943'), $$ {"ward": "B 12"} $$) /* Ann */`)
    await connection.unsafe("select E'it\\'s Ann', 19431224")
    const blockers = await until(
      () => readBlockers(sql, 20),
      found => found.length === 1,
    )
    expect(blockers).toMatchObject([{ pid, who: "shift planner", query: "select ?, ?" }])
    const [finding] = blockerFindings(blockers)
    expect(finding).toMatchObject({ finding: "relay-held-back" })
    expect(finding?.about).toMatch(new RegExp(`^pid ${pid}, shift planner, open for 0 s, select \\?, \\?$`))
    expect(finding?.sinceMs).toBeCloseTo(Date.now(), -4)
    const [{ waiting }] = [await createPostgresRelayStatus(sql).waiting()]
    expect(waiting).toBe(0)
    await connection`commit`
    connection.release()
    expect(await readBlockers(sql, 0)).toEqual([])
    // Now it waits, and its age is the stall's.
    expect(await createPostgresRelayStatus(sql).waiting()).toMatchObject({ waiting: 1 })
  })

  test("also as a prepared transaction, which no session shows", async () => {
    const { sql } = database
    const writer = await beginWriter(sql)
    const position = await writer.append()
    const name = `orphan-${position}`
    await writer.prepare(name)
    const blockers = await until(
      () => readBlockers(sql, 20),
      found => found.length === 1,
    )
    expect(blockers).toMatchObject([{ pid: null, who: `prepared transaction ${name}`, query: "" }])
    await sql.unsafe(`rollback prepared '${name}'`)
    expect(await readBlockers(sql, 0)).toEqual([])
  })

  test("nobody whose transaction is young or never touched the log", async () => {
    const { sql } = database
    const writer = await beginWriter(sql)
    await writer.append()
    const idle = await sql.reserve()
    await idle`begin`
    await idle`select txid_current()`
    expect(await readBlockers(sql)).toEqual([])
    expect(await readBlockers(sql, 0)).toHaveLength(1)
    await writer.rollback()
    await idle`rollback`
    idle.release()
  })
})
