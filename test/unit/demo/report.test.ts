import { describe, expect, it } from "vitest"
import { check } from "../../../src/demo/check/check.ts"
import { detailLines, humanReport, jsonReport } from "../../../src/demo/report.ts"
import { perfectDay } from "./perfect-day.ts"

const day = perfectDay()
const result = check(day.record, day.observed)
const report = { ...result.findings, durationMs: 12_345, seed: 99 }

describe("the demo's report", () => {
  it("is one line with one JSON object that has every key promised", () => {
    const text = jsonReport(report)
    expect(text.endsWith("\n")).toBe(true)
    expect(text.trimEnd()).not.toContain("\n")
    const keys = [
      ..."operations rolledBack refused confirmed rejected superseded deadLettered blocksExpired".split(" "),
      ..."blocksRemovedOnChain blocksRemovedInDatabase manualBlocksKept lost doubled mismatches".split(" "),
      ..."requestToConfirmedMs gasPerOperation durationMs".split(" "),
    ]
    expect(Object.keys(JSON.parse(text))).toEqual(expect.arrayContaining(keys))
  })

  it("says in words whether everything holds", () => {
    expect(humanReport(report, true)).toContain("Everything holds.")
    expect(humanReport(report, false)).toContain("Not everything holds.")
  })

  it("shows at most 20 faults and how many more there are", () => {
    const details = Array.from(
      { length: 25 },
      (_, index) => ({ kind: "lost", what: `event ${index}` }) as const,
    )
    const lines = detailLines({ ...result, details }, ["3 rows to remove"])
      .trimEnd()
      .split("\n")
    expect(lines).toHaveLength(22)
    expect(lines[0]).toBe("stuck: 3 rows to remove")
    expect(lines.at(-1)).toBe("and 5 more")
  })
})
