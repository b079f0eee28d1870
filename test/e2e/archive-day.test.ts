import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createArchiveFiles } from "../../src/adapters/files/archive-files.ts"
import { readHistory } from "../../src/adapters/postgres/log-archive/read-history.ts"
import { lowestPositionAt } from "../../src/domain/position.ts"
import { EXIT } from "../../src/runtime/errors.ts"
import { insertEvent } from "../integration/outbox/insert-event.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { anySubject, blockRequested, confirmed } from "../support/event-builders.ts"
import { writeToLog } from "../support/read-log.ts"
import { type ServiceProcess, startService } from "../support/service-process.ts"
import { until } from "../support/until.ts"

const DAY = "outbox_20260131"
const [from, to] = [lowestPositionAt(Date.UTC(2026, 0, 31)), lowestPositionAt(Date.UTC(2026, 1, 1))]
const OPERATIONS = 50

/** A day of requests and results, as a service with the setting treats it, and as a person brings it back. */
describe("a day older than the retention", () => {
  let database: TestDatabase
  let directory: string
  let settings: Record<string, string>
  let services: ServiceProcess[]
  beforeEach(async () => {
    database = await createTestDatabase()
    directory = mkdtempSync(join(tmpdir(), "caregrid-archive-day-"))
    settings = {
      DATABASE_URL: database.url,
      TOPIC_PREFIX: `archive-${database.url.slice(-8)}`,
      LOG_RETENTION_DAYS: "30",
      LOG_ARCHIVE_DIRECTORY: directory,
    }
    services = []
    await database.sql.unsafe(
      `create table reconciler.${DAY} partition of reconciler.outbox for values from (${from}) to (${to})`,
    )
    for (let n = 0; n < OPERATIONS; n += 1) {
      const request = { ...blockRequested(anySubject(), -60), position: from + BigInt(n) * 4096n }
      await writeToLog(database.sql, request)
      await writeToLog(database.sql, { ...confirmed(request), position: request.position + 1024n })
    }
  })
  afterEach(async () => {
    await Promise.all(services.map(service => service.stop()))
    rmSync(directory, { recursive: true })
    await database.drop()
  })

  function run(...argv: string[]): ServiceProcess {
    const service = startService(argv, settings)
    services.push(service)
    return service
  }

  const service = () => run("run", "--roles", "relay,projector")
  const rows = () => database.sql`select * from reconciler.outbox where seq < ${to} order by seq`
  const archived = () => readdirSync(directory).filter(name => name.endsWith(".zst"))

  async function handled(): Promise<boolean> {
    const [row] = await database.sql<{ results: number; unread: number }[]>`
      select count(*) filter (where result = 'confirmed')::int as results,
        (select count(*) from reconciler.outbox where (type like '%.requested' or type like '%.expired')
          and not exists (select from reconciler.operation_views v where v.position = seq))::int as unread
      from reconciler.operation_views where requested_at is not null`
    // The blocks' expiries are of today: a projector that has not read them is behind, and keeps the day.
    return row?.results === OPERATIONS && row.unread === 0
  }

  /** The archiver looks at its start and every ten minutes: started again until nobody holds the day any more. */
  async function archiveDay(): Promise<void> {
    for (let starts = 0; starts < 5; starts += 1) {
      const started = service()
      const told = await until(
        started.output,
        text => /archived and dropped a day of the log|still needed; kept/.test(text),
        40_000,
      )
      await until(handled, Boolean, 40_000)
      expect(await started.stop()).toBe(EXIT.ok)
      if (told.includes("archived and dropped")) return
    }
    throw new Error(`the day is held by somebody for good: ${services.at(-1)?.output().slice(-600)}`)
  }

  test("stays while the relay has not passed it, goes into a file, and comes back as it was", async () => {
    const { promise: release, resolve } = Promise.withResolvers<void>()
    const writing = database.sql.begin(async tx => {
      await insertEvent(tx)
      await release
    })
    // What is not settled holds the cursor below the day.
    const first = service()
    await until(
      first.output,
      text => text.includes('"by":["relay"') && text.includes("still needed; kept"),
      40_000,
    )
    const before = await rows()
    expect(before).toHaveLength(2 * OPERATIONS)
    expect(archived()).toEqual([])
    resolve()
    await writing
    await until(handled, Boolean, 40_000)
    expect(await first.stop()).toBe(EXIT.ok)

    await archiveDay()
    const [file = ""] = archived()
    expect(file).toMatch(new RegExp(`^${DAY}-[0-9a-f]{12}\\.jsonl\\.zst$`))
    expect(await rows()).toEqual([])
    expect(await database.sql`select to_regclass(${`reconciler.${DAY}`})::text as found`).toEqual([
      { found: null },
    ])
    const [kept] = await database.sql`select count(*)::int as rows from reconciler.outbox`
    expect(kept).not.toEqual({ rows: 0 })

    const history: bigint[] = []
    for await (const events of readHistory(database.sql, createArchiveFiles(directory))) {
      history.push(...events.map(({ position }) => position))
    }
    expect(history.slice(0, before.length)).toEqual(before.map(({ seq }) => seq))
    expect(history.length).toBeGreaterThan(before.length)
    expect([...history].sort((a, b) => (a < b ? -1 : 1))).toEqual(history)

    const restore = run("log", "restore", file)
    await until(
      () => restore.child.exitCode,
      code => code !== null,
      30_000,
    )
    expect(restore.child.exitCode).toBe(EXIT.ok)
    expect(await rows()).toEqual(before)
    // It is a person's from now on: the service leaves it.
    const third = service()
    await until(third.output, text => text.includes('"relay active"'), 40_000)
    expect(await third.stop()).toBe(EXIT.ok)
    expect(await rows()).toEqual(before)
  }, 180_000)
})
