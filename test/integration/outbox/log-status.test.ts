import { expect, test } from "vitest"
import { createDeployments } from "../../../src/adapters/postgres/chain-writer/deployments.ts"
import { readLogStatus } from "../../../src/adapters/postgres/log-archive/status.ts"
import { createStatusSources } from "../../../src/adapters/postgres/status.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import { createTestDatabase } from "../../support/database.ts"
import { installTestClock } from "../../support/test-clock.ts"
import { insertEvent } from "./insert-event.ts"

const DAY_MS = 86_400_000

test("the log's status tells days, sizes, what waits, strays and days that should be gone", async () => {
  const { sql, drop } = await createTestDatabase()
  try {
    const startMs = Date.now()
    const fresh = await readLogStatus(sql, 3)
    expect(fresh).toMatchObject({ partitions: 8, daysAhead: 7, defaultRows: 0, oldestUnpublishedAgeMs: null })
    expect(fresh.bytes).toBeGreaterThan(0)
    expect(fresh.overdue).toEqual([])

    await insertEvent(sql)
    await sql`
      insert into reconciler.outbox (seq, type, subject, payload)
      values (${lowestPositionAt(startMs + 30 * DAY_MS)}, 'x', ${Buffer.alloc(32)}, '{}')`
    const clock = await installTestClock(sql, startMs + 6 * DAY_MS)
    const later = await readLogStatus(sql, 3)
    expect(later).toMatchObject({ nowMs: clock.nowMs(), daysAhead: 1, defaultRows: 1 })
    expect(later.oldestUnpublishedAgeMs).toBeGreaterThanOrEqual(0)
    expect(later.overdue).toHaveLength(3)
    expect(later.overdue[0]?.by).toEqual(["relay", "projector"])
    expect((await readLogStatus(sql, null)).overdue).toEqual([])

    const sources = createStatusSources(sql, {
      logRetentionDays: 3,
      logAlertBytes: 1,
      unpublishedAlertMs: 86_400_000,
    })
    const findings = (await sources.findings()).map(({ finding }) => finding)
    expect(findings).toEqual(["default-partition-rows", "log-large", "partition-overdue"])
    expect(await createStatusSources(sql).relay()).toMatchObject({ done: 0, waiting: 2 })
  } finally {
    await drop()
  }
})

test("a rebuild that was begun and not ended is told as long as it keeps all else from the chain", async () => {
  const { sql, drop } = await createTestDatabase()
  try {
    const told = async () => (await createStatusSources(sql).findings()).map(({ finding }) => finding)
    const deployments = createDeployments(sql)
    expect(await told()).toEqual([])
    const begun = await deployments.begin({ genesisHash: `0x${"1".repeat(64)}`, leaveChain: false })
    expect(await told()).toEqual(["rebuild-not-ended"])
    if (begun.kind === "begun") await deployments.abandon(begun.rebuild.id)
    expect(await told()).toEqual([])
  } finally {
    await drop()
  }
})
