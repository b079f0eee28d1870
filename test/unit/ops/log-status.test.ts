import { describe, expect, it } from "vitest"
import { LOG_FINDINGS, type LogStatus, logFindings, logLines } from "../../../src/ops/log-status.ts"

const DAY_MS = 86_400_000
const nowMs = Date.UTC(2026, 5, 1)
const fine: LogStatus = {
  nowMs,
  partitions: 40,
  bytes: 3 * 2 ** 30,
  largestDayBytes: 2 ** 29,
  daysAhead: 7,
  defaultRows: 0,
  oldestDefaultMs: null,
  oldestUnpublishedAgeMs: 900,
  archives: { files: 0, bytes: 0 },
  overdue: [],
}
const namesOf = (change: Partial<LogStatus>, alertBytes = 2 ** 40) =>
  logFindings({ ...fine, ...change }, { logAlertBytes: alertBytes, unpublishedAlertMs: 60_000 }).map(
    ({ finding, about }) => `${finding}: ${about}`,
  )

describe("findings of the event log", () => {
  it("there are none while all is well", () => {
    expect(namesOf({})).toEqual([])
    expect(namesOf({ oldestUnpublishedAgeMs: null, overdue: [] })).toEqual([])
  })

  it("names what waits, since when", () => {
    const [finding] = logFindings(
      { ...fine, oldestUnpublishedAgeMs: 61_000 },
      { logAlertBytes: 2 ** 40, unpublishedAlertMs: 60_000 },
    )
    expect(finding).toEqual({ finding: "events-unpublished", about: "relay", sinceMs: nowMs - 61_000 })
    expect(namesOf({ defaultRows: 3, oldestDefaultMs: nowMs - 5 })).toEqual([
      "default-partition-rows: 3 events",
    ])
  })

  it("warns while there is still a day to act, and when there is none", () => {
    expect(namesOf({ daysAhead: 1 })).toEqual([])
    expect(namesOf({ daysAhead: 0 })).toEqual(["partition-missing: tomorrow"])
    expect(namesOf({ daysAhead: -1 })).toEqual(["partition-missing: today"])
  })

  it("warns of a log that is larger than was agreed", () => {
    expect(namesOf({}, 3 * 2 ** 30)).toEqual([])
    expect(namesOf({}, 2 ** 30)).toEqual(["log-large: 3.00 GiB"])
  })

  it("names the oldest day that should be gone for a day, and who needs it", () => {
    const overdue = (days: number, by: readonly string[]) => ({
      partition: "outbox_20260101",
      sinceMs: nowMs - days * DAY_MS - 1,
      by,
    })
    expect(namesOf({ overdue: [overdue(0, [])] })).toEqual([])
    expect(namesOf({ overdue: [overdue(1, ["relay", "projector"]), overdue(1, [])] })).toEqual([
      "partition-overdue: outbox_20260101, needed by relay and projector",
    ])
    expect(namesOf({ overdue: [overdue(1, [])] })).toEqual(["partition-overdue: outbox_20260101"])
  })

  it("has no other names", () => {
    const all = namesOf(
      {
        oldestUnpublishedAgeMs: 1e9,
        defaultRows: 1,
        daysAhead: -1,
        overdue: [{ partition: "p", sinceMs: 0, by: [] }],
      },
      1,
    )
    expect(all.map(text => text.slice(0, text.indexOf(":"))).sort()).toEqual([...LOG_FINDINGS].sort())
  })

  it("shows sizes and what is made ahead", () => {
    expect(logLines({ ...fine, archives: { files: 2, bytes: 2 ** 30 } })).toEqual([
      "event log: 40 days, 3.00 GiB (largest day 0.50 GiB), 7 days made ahead",
      "archives: 2 files, 1.00 GiB",
    ])
  })
})
