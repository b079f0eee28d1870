import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { CaptureState } from "../../../src/adapters/postgres/capture/inspect.ts"
import { capturedTables, triggersOf } from "../../../src/adapters/postgres/capture/triggers.ts"
import { CAPTURE_FINDINGS, captureReport } from "../../../src/cli/capture-report.ts"

const GUIDE = join(import.meta.dirname, "../../../docs/integration.md")

describe("the report of capture", () => {
  const whole: CaptureState = {
    subjects: "same",
    changedFunctions: [],
    tables: capturedTables.map(captured => ({
      table: captured.table,
      isThere: true,
      changedColumns: [],
      triggers: triggersOf(captured).map(definition => ({ definition, state: "as-it-should-be" })),
    })),
  }

  it("has no finding where all is as it should be", () => {
    expect(captureReport(whole).findings).toEqual([])
  })

  it("names one finding a fault", () => {
    const [first, ...rest] = whole.tables
    const broken = { ...first!, changedColumns: ["blockchain_id"] }
    const state: CaptureState = {
      ...whole,
      subjects: "different",
      changedFunctions: ["keccak256"],
      tables: [broken, ...rest],
    }
    expect(captureReport(state).findings.map(({ finding }) => finding)).toEqual([
      "capture-column-changed",
      "capture-function-changed",
      "capture-subjects-differ",
    ])
  })

  it("has findings that the guide explains, each of them", () => {
    const explained = [...readFileSync(GUIDE, "utf8").matchAll(/^\| `(capture-[a-z-]+)` \|/gm)].map(
      ([, name]) => name,
    )
    expect(explained).toEqual([...CAPTURE_FINDINGS])
  })
})
