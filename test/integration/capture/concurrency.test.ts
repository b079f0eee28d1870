import { afterAll, beforeAll, expect, it } from "vitest"
import { seededRandom } from "../../../src/demo/random.ts"
import { pseudonym } from "../../../src/domain/subject.ts"
import {
  type CapturedApp,
  createCapturedApp,
  SUBJECT_KEY,
  withConnection,
} from "../../support/caregrid/captured-app.ts"
import { createAudit, readAudit, writeAtRandom } from "../../support/caregrid/random-blocks.ts"
import { blockRow } from "../../support/caregrid/recorded.ts"
import { testSeed } from "../../support/seed.ts"

const WRITERS = 6
const TRANSACTIONS = 60
const ADDRESSES = Array.from({ length: 8 }, (_, at) => `192.0.2.${at + 1}`)

let app: CapturedApp
beforeAll(async () => {
  app = await createCapturedApp()
})
afterAll(() => app.drop())

it("misses, doubles and reorders nothing, whatever sessions write, roll back and undo to savepoints", async () => {
  const seed = testSeed()
  console.log(`seed ${seed}`)
  await createAudit(app.sql)
  await Promise.all(
    Array.from({ length: WRITERS }, (_, writer) =>
      withConnection(app.url, async connection => {
        const random = seededRandom(seed + writer)
        for (let count = 0; count < TRANSACTIONS; count += 1)
          await writeAtRandom(connection, random, ADDRESSES)
      }),
    ),
  )
  const captured = await app.news()
  const expected = await readAudit(app.sql)
  expect(expected.length).toBe(ADDRESSES.length)
  for (const { address, events } of expected) {
    const subject = pseudonym(SUBJECT_KEY, "ip-address", address)
    const ofAddress = captured.filter(event => event.subject === subject).map(describeEvent)
    expect(ofAddress, address).toEqual(events)
  }
  expect(captured).toHaveLength(expected.flatMap(({ events }) => events).length)
}, 120_000)

function describeEvent({
  type,
  payload,
}: {
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}) {
  return type === "block-ip" ? `${type} ${payload.manual ? "manual" : "automatic"}` : type
}

const block = blockRow({ ip_address: "192.0.2.99", ip_hash: "ab".repeat(32), expiry_time: "2099-01-01" })

it("holds the log's lock for the end of the app's transaction only", async () => {
  await withConnection(app.url, async holder => {
    await holder`begin`
    await holder`insert into firewall_blockedip ${holder(block)}`
    const held = await app.sql`
      select from pg_locks where relation = 'reconciler.outbox'::regclass and mode = 'RowExclusiveLock'`
    await holder`commit`
    expect(held).toHaveLength(0)
  })
  expect(await app.news()).toHaveLength(1)
})

it("takes no advisory lock", async () => {
  await withConnection(app.url, async holder => {
    await holder`begin`
    await holder`set constraints all immediate`
    await holder`insert into firewall_blockedip ${holder({ ...block, ip_address: "192.0.2.98" })}`
    const held = await app.sql`select from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`
    await holder`rollback`
    expect(held).toHaveLength(0)
  })
})
