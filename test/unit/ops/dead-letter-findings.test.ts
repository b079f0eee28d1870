import { expect, it } from "vitest"
import { deadLetterFindings } from "../../../src/ops/dead-letter-findings.ts"

it("nothing set aside is no finding", () => {
  expect(deadLetterFindings({ unsettled: 0, requeued: 0, blockedSubjects: 0, oldestMs: null })).toEqual([])
})

it("what is set aside is one finding: how many, how many subjects wait, and since when", () => {
  expect(deadLetterFindings({ unsettled: 5, requeued: 2, blockedSubjects: 1, oldestMs: 7 })).toEqual([
    { finding: "dead-letters", about: "3 open, 2 requeued, 1 subject held back", sinceMs: 7 },
  ])
  expect(deadLetterFindings({ unsettled: 1, requeued: 0, blockedSubjects: 0, oldestMs: 7 })).toMatchObject([
    { about: "1 open, 0 subjects held back" },
  ])
})
