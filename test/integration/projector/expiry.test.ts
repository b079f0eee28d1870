import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createReadModel } from "../../../src/adapters/postgres/projector/read-model.ts"
import { readReadModelStatus } from "../../../src/adapters/postgres/projector/status.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import type { ReadModel } from "../../../src/projector/ports.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import {
  anySubject,
  batchOf,
  blockRequested,
  confirmed,
  event,
  removed,
  result,
} from "../../support/event-builders.ts"
import { readLogAbout } from "../../support/read-log.ts"
import { readOperationView } from "../../support/read-operation-view.ts"

describe("expiry in the database", () => {
  let database: TestDatabase
  let readModel: ReadModel

  beforeAll(async () => {
    database = await createTestDatabase()
    readModel = createReadModel(database.sql)
  })
  afterAll(() => database.drop())

  const overBlocks = async (count: number): Promise<readonly EventRecord[]> => {
    const blocks = Array.from({ length: count }, () => blockRequested(anySubject(), -2))
    await readModel.apply(batchOf(blocks.flatMap(block => [block, confirmed(block)])))
    return blocks
  }
  const expectWhole = async (blocks: readonly EventRecord[]) => {
    const positions = JSON.stringify(blocks.map(({ position }) => position.toString()))
    const [row] = await database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.operation_views
      where event_id is not null and result is not null
        and position in (select p.position::bigint from jsonb_array_elements_text(${positions}::text::jsonb) as p (position))`
    expect(row?.count).toBe(blocks.length)
  }
  const expiriesOf = (block: EventRecord) => readLogAbout(database.sql, block.subject)

  it("leaves neither mark nor event when the transaction is cut before its commit", async () => {
    const [block] = await overBlocks(1)
    // Refused at the commit, when the mark and the event are both written: what a crash at the last line does.
    await database.sql`
      create function refuse() returns trigger language plpgsql as $$ begin raise 'cut'; end $$`
    await database.sql`
      create constraint trigger refuse after update on reconciler.operation_views
      deferrable initially deferred for each row execute function refuse()`
    await expect(readModel.expireDue(10)).rejects.toThrow("cut")
    expect((await readOperationView(database.sql, block!.position))?.expired).toBeNull()
    expect(await expiriesOf(block!)).toEqual([])

    await database.sql`drop trigger refuse on reconciler.operation_views`
    expect((await readModel.expireDue(10)).expired).toBe(1)
    expect(await expiriesOf(block!)).toHaveLength(1)
  })

  it("is told once by many processes at once", async () => {
    const blocks = await overBlocks(40)
    const passes = await Promise.all(Array.from({ length: 8 }, () => readModel.expireDue(10)))
    expect(passes.reduce((sum, pass) => sum + pass.expired, 0)).toBe(40)
    const told = await Promise.all(blocks.map(expiriesOf))
    expect(told.map(events => events.length)).toEqual(blocks.map(() => 1))
  })

  it("does not look at a replaced block's timer again", async () => {
    const [block] = await overBlocks(1)
    const renewal = blockRequested(block!.subject, 3600)
    await readModel.apply(batchOf([renewal, confirmed(renewal)]))
    expect((await readModel.expireDue(10)).expired).toBe(0)
    const [row] = await database.sql`
      select timer_void from reconciler.operation_views where position = ${block!.position}`
    expect(row).toEqual({ timer_void: true })
  })

  it("lets batches that tell of the same operations in two orders pass one another", async () => {
    for (let round = 0; round < 3; round += 1) {
      const blocks = Array.from({ length: 1000 }, () => blockRequested(anySubject(), 3600))
      const results = blocks.map(block => confirmed(block)).toReversed()
      await Promise.all([readModel.apply(batchOf(blocks)), readModel.apply(batchOf(results))])
      await expectWhole(blocks)
    }
  })
})

describe("status of the read model", () => {
  it("counts operations by where they are, and what the timers still have to do", async () => {
    const { sql, drop } = await createTestDatabase()
    const readModel = createReadModel(sql)
    const patients = Array.from({ length: 4 }, () => event("register-patient.requested", anySubject()))
    const [, done, refused, late] = patients
    const over = blockRequested(anySubject(), -2)
    const gone = blockRequested(anySubject(), -2)
    const running = blockRequested(anySubject(), 60)
    await readModel.apply(batchOf([...patients, over, gone, running]))
    await readModel.apply(
      batchOf([confirmed(done!), result(refused!, "rejected"), result(late!, "superseded")]),
    )
    await readModel.apply(batchOf([over, gone, running].map(block => confirmed(block))))
    expect((await readReadModelStatus(sql)).timers.due).toBe(2)
    await readModel.expireDue(10)
    const overtaken = (await readLogAbout(sql, over.subject))[0]!
    await readModel.apply(batchOf([removed(gone), overtaken, result(overtaken, "superseded")]))
    const status = await readReadModelStatus(sql)
    await drop()
    expect(status.counts).toEqual({
      requested: 1,
      confirmed: 2,
      rejected: 1,
      superseded: 1,
      expired: 1,
      removed: 1,
    })
    expect(status.timers).toMatchObject({ due: 0, running: 1 })
    expect(status.timers.nextDueInMs).toBeGreaterThan(50_000)
    expect(status.awaitingRemoval).toBe(1)
    expect(status.oldestUnresultedMs).toBeGreaterThanOrEqual(0)
  })
})
