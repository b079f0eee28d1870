import { describe, expect, it } from "vitest"
import { check } from "../../../src/demo/check/check.ts"
import { percentile } from "../../../src/demo/check/measures.ts"
import type { Mismatch } from "../../../src/demo/check/mismatch.ts"
import type { AppRow, ChainOutcome, LoggedEvent } from "../../../src/demo/observe/observations.ts"
import { type Day, perfectDay } from "./perfect-day.ts"

/** The one thing wrong with a day that was spoilt in one place. */
function faultOf(spoil: (day: Day) => void): Mismatch["kind"][] {
  const day = perfectDay()
  spoil(day)
  const result = check(day.record, day.observed)
  expect(result.holds).toBe(false)
  return result.details.map(({ kind }) => kind)
}

function changeLog(day: Day, change: (event: LoggedEvent) => LoggedEvent[]): void {
  day.observed.log = day.observed.log.flatMap(change)
}

function changeOutcomes(day: Day, change: (outcome: ChainOutcome) => ChainOutcome[]): void {
  day.observed.chain = { ...day.observed.chain, outcomes: day.observed.chain.outcomes.flatMap(change) }
}

function changeRow(day: Day, name: string, change: (row: AppRow) => AppRow | undefined): void {
  const rows = new Map(day.observed.rows)
  const row = rows.get(day.subject(name))
  const changed = row && change(row)
  if (changed) rows.set(day.subject(name), changed)
  else rows.delete(day.subject(name))
  day.observed.rows = rows
}

const isResultOf = (day: Day, name: string) => (event: LoggedEvent) =>
  event.causationId === day.operation(name).eventId && event.type !== "ip-block.expired"

const isOutcomeOf = (day: Day, name: string) => (outcome: ChainOutcome) =>
  outcome.word >> 192n === day.operation(name).position && (outcome.word & 8n) === 0n

describe("the demo's own check", () => {
  it("finds that a perfect day holds, and counts it", () => {
    const day = perfectDay()
    const result = check(day.record, day.observed)
    expect(result.details).toEqual([])
    expect(result.holds).toBe(true)
    expect(result.findings).toEqual({
      operations: 14,
      rolledBack: 1,
      refused: 1,
      manualStands: 1,
      confirmed: 10,
      rejected: 1,
      superseded: 1,
      deadLettered: 2,
      blocksExpired: 2,
      blocksRemovedOnChain: 2,
      blocksRemovedInDatabase: 3,
      manualBlocksKept: 1,
      lost: 0,
      doubled: 0,
      mismatches: 0,
      requestToConfirmedMs: { p50: 200, p95: 200, p99: 200 },
      gasPerOperation: 10_000,
    })
  })

  it("takes a repeated record that changed nothing as no second effect", () => {
    const day = perfectDay()
    changeOutcomes(day, outcome =>
      isOutcomeOf(day, "patient")(outcome) ? [outcome, { ...outcome, outcome: "AlreadyApplied" }] : [outcome],
    )
    expect(check(day.record, day.observed).holds).toBe(true)
  })

  describe("reports", () => {
    it("an operation that vanished from log and chain as lost", () => {
      const day = perfectDay()
      const gone = day.operation("signature")
      changeLog(day, event => ([event.eventId, event.causationId].includes(gone.eventId) ? [] : [event]))
      changeOutcomes(day, outcome => (outcome.subject === gone.subject ? [] : [outcome]))
      const { findings, holds } = check(day.record, day.observed)
      expect(findings).toMatchObject({ lost: 1, confirmed: 9, operations: 14 })
      expect(holds).toBe(false)
    })

    it("a result without an effect on the chain", () => {
      const spoil = (day: Day) =>
        changeOutcomes(day, outcome => (isOutcomeOf(day, "renewed")(outcome) ? [] : [outcome]))
      expect(faultOf(spoil)).toEqual(["lost", "result-without-effect"])
    })

    it("an operation that the chain calls applied before, and never was", () => {
      const spoil = (day: Day) =>
        changeOutcomes(day, outcome =>
          isOutcomeOf(day, "patient")(outcome) ? [{ ...outcome, outcome: "AlreadyApplied" }] : [outcome],
        )
      expect(faultOf(spoil)).toEqual(["lost", "result-without-effect"])
    })

    it("an effect on the chain that has no result", () => {
      const spoil = (day: Day) => changeLog(day, event => (isResultOf(day, "patient")(event) ? [] : [event]))
      expect(faultOf(spoil)).toEqual(["lost", "effect-without-result"])
    })

    it("a second Applied of one operation as doubled", () => {
      const spoil = (day: Day) =>
        changeOutcomes(day, outcome =>
          isOutcomeOf(day, "patient")(outcome) ? [outcome, outcome] : [outcome],
        )
      expect(faultOf(spoil)).toEqual(["doubled"])
    })

    it("a second result of one operation", () => {
      const spoil = (day: Day) =>
        changeLog(day, event => (isResultOf(day, "patient")(event) ? [event, event] : [event]))
      expect(faultOf(spoil)).toEqual(["result-not-unique"])
    })

    it("a result that says another thing than the chain", () => {
      const spoil = (day: Day) =>
        changeLog(day, event =>
          isResultOf(day, "contested")(event) ? [{ ...event, type: "block-ip.confirmed" }] : [event],
        )
      expect(faultOf(spoil)).toContain("lost")
    })

    it("a rejected operation that took effect after all", () => {
      const spoil = (day: Day) => {
        changeOutcomes(day, outcome =>
          isOutcomeOf(day, "too-long")(outcome) ? [{ ...outcome, outcome: "Applied" }] : [outcome],
        )
        changeLog(day, event =>
          isResultOf(day, "too-long")(event) ? [{ ...event, type: "block-ip.confirmed" }] : [event],
        )
      }
      expect(faultOf(spoil)).toContain("verdict-differs")
    })

    it("a record sent with another word than the operation's", () => {
      const spoil = (day: Day) =>
        changeOutcomes(day, outcome =>
          isOutcomeOf(day, "renewed")(outcome)
            ? [{ ...outcome, word: outcome.word ^ (1n << 100n) }]
            : [outcome],
        )
      expect(faultOf(spoil)).toEqual(["record-differs"])
    })

    it("a record on the chain that nobody asked for", () => {
      const spoil = (day: Day) =>
        changeOutcomes(day, outcome =>
          isOutcomeOf(day, "patient")(outcome)
            ? [outcome, { ...outcome, word: outcome.word + (1n << 192n) }]
            : [outcome],
        )
      expect(faultOf(spoil)).toEqual(["record-unexpected"])
    })

    it("a wrong slot", () => {
      const spoil = (day: Day) => {
        const words = new Map(day.observed.words)
        words.set(day.subject("patient"), (words.get(day.subject("patient")) ?? 0n) ^ (1n << 50n))
        day.observed.words = words
      }
      expect(faultOf(spoil)).toEqual(["word-differs"])
    })

    it("a slot written for a transaction that was undone", () => {
      const spoil = (day: Day) => {
        day.observed.words = new Map(day.observed.words).set(day.subject("undone"), 5n)
      }
      expect(faultOf(spoil)).toEqual(["word-differs"])
    })

    it("a block still standing on the chain after its time", () => {
      const spoil = (day: Day) => {
        const block = day.subject("block")
        day.observed.words = new Map(day.observed.words).set(
          block,
          (day.observed.words.get(block) ?? 0n) | 1n,
        )
      }
      expect(faultOf(spoil)).toEqual(["word-differs"])
    })

    it("a getter that says otherwise", () => {
      const spoil = (day: Day) => {
        day.observed.getters = day.observed.getters.map(answer =>
          answer.subject === day.subject("manual") ? { ...answer, answer: false } : answer,
        )
      }
      expect(faultOf(spoil)).toEqual(["getter-differs"])
    })

    it("an expired row that was not removed", () => {
      const spoil = (day: Day) => {
        const row: AppRow = { table: "firewall_blockedip", onChain: true, transactionHash: "", manual: false }
        day.observed.rows = new Map(day.observed.rows).set(day.subject("block"), row)
      }
      expect(faultOf(spoil)).toEqual(["row-not-removed"])
    })

    it("the row of a superseded block that was not removed at its end", () => {
      const spoil = (day: Day) => {
        const row: AppRow = {
          table: "firewall_blockedip",
          onChain: false,
          transactionHash: "",
          manual: false,
        }
        day.observed.rows = new Map(day.observed.rows).set(day.subject("contested"), row)
      }
      expect(faultOf(spoil)).toEqual(["row-not-removed"])
    })

    it("a row left of a refused transaction", () => {
      const spoil = (day: Day) => {
        const row: AppRow = { table: "core_patient", onChain: false, transactionHash: "", manual: null }
        day.observed.rows = new Map(day.observed.rows).set(day.subject("refused"), row)
      }
      expect(faultOf(spoil)).toEqual(["row-not-removed"])
    })

    it("a manual row that was taken out", () => {
      expect(faultOf(day => changeRow(day, "manual", () => undefined))).toEqual([
        "manual-row-gone",
        "traffic-absent",
      ])
    })

    it("a patient's row that is gone", () => {
      expect(faultOf(day => changeRow(day, "patient", () => undefined))).toEqual(["row-missing"])
    })

    it("a flag that was not set", () => {
      const spoil = (day: Day) => changeRow(day, "signature", row => ({ ...row, onChain: false }))
      expect(faultOf(spoil)).toEqual(["row-flag-differs"])
    })

    it("a flag set for a rejected operation", () => {
      const spoil = (day: Day) => changeRow(day, "too-long", row => ({ ...row, onChain: true }))
      expect(faultOf(spoil)).toEqual(["row-flag-differs"])
    })

    it("the hash of another transaction", () => {
      const spoil = (day: Day) => changeRow(day, "patient", row => ({ ...row, transactionHash: "0x00" }))
      expect(faultOf(spoil)).toEqual(["row-hash-differs"])
    })

    it("an event of a transaction that was undone", () => {
      const spoil = (day: Day) =>
        changeLog(day, event =>
          event.eventId === day.operation("patient").eventId
            ? [event, { ...event, eventId: day.record.rolledBack[0]?.eventId ?? "" }]
            : [event],
        )
      expect(faultOf(spoil)).toEqual(["undone-event-in-log"])
    })

    it("a request in the log that nobody committed", () => {
      const spoil = (day: Day) =>
        changeLog(day, event =>
          event.eventId === day.operation("patient").eventId
            ? [event, { ...event, eventId: "else" }]
            : [event],
        )
      expect(faultOf(spoil)).toEqual(["log-event-unexpected"])
    })

    it("a payload that is not the one appended", () => {
      const spoil = (day: Day) =>
        changeLog(day, event =>
          event.eventId === day.operation("manual").eventId
            ? [{ ...event, payload: { name: "x" } }]
            : [event],
        )
      expect(faultOf(spoil)).toEqual(["log-event-differs"])
    })

    it("a block that ended before its time", () => {
      const spoil = (day: Day) =>
        changeLog(day, event =>
          event.type === "ip-block.expired" && event.causationId === day.operation("block").eventId
            ? [{ ...event, occurredAtMs: event.occurredAtMs - 1_000 }]
            : [event],
        )
      expect(faultOf(spoil)).toEqual(["expired-early"])
    })

    it("a block that ended twice", () => {
      const spoil = (day: Day) =>
        changeLog(day, event => (event.type === "ip-block.expired" ? [event, event] : [event]))
      expect(faultOf(spoil)).toEqual(["expired-twice", "expired-twice"])
    })

    it("a block whose time is over and that never ended", () => {
      const spoil = (day: Day) =>
        changeLog(day, event =>
          event.causationId === day.operation("block").eventId && event.type === "ip-block.expired"
            ? []
            : [event],
        )
      expect(faultOf(spoil)).toEqual(["block-not-expired"])
    })

    it("an end of a manual block", () => {
      const spoil = (day: Day) => {
        const { position, subject } = day.operation("manual")
        const payload = { blockVersion: position.toString(), blockTag: "0".repeat(16), expiresAt: 1 }
        changeLog(day, event =>
          event.eventId === day.operation("manual").eventId
            ? [event, { ...event, eventId: "end", type: "ip-block.expired", subject, payload }]
            : [event],
        )
      }
      expect(faultOf(spoil)).toEqual(["expiry-unexpected"])
    })

    it("a dead letter that is missing, and one too many", () => {
      expect(faultOf(day => Object.assign(day.observed, { deadLetters: [] }))).toEqual([
        "lost",
        "lost",
        "traffic-absent",
      ])
      const spoil = (day: Day) => {
        const letter = { eventId: "stranger", reason: "bad-json" }
        day.observed.deadLetters = [...day.observed.deadLetters, letter]
      }
      expect(faultOf(spoil)).toEqual(["dead-letter-unexpected"])
    })

    it("an answer of append that was not owed", () => {
      const spoil = (day: Day) => {
        day.record = { ...day.record, wrongAnswers: ["refused: unknown-type: committed"] }
      }
      expect(faultOf(spoil)).toEqual(["append-answered-wrongly"])
    })

    it("a kind of traffic that did not occur", () => {
      const spoil = (day: Day) => {
        day.record = { ...day.record, refused: 0 }
      }
      expect(faultOf(spoil)).toEqual(["traffic-absent"])
    })
  })

  it("counts an operation of ours as confirmed where its version is above the neighbour's", () => {
    const day = perfectDay()
    const { eventId, subject } = day.operation("contested")
    const older = (day.operation("contested").position - 1024n) << 192n
    day.record = {
      ...day.record,
      neighbourBlocks: [{ subject, word: older | 5n }],
      operations: day.record.operations.map(operation =>
        operation.eventId === eventId ? { ...operation, expected: "confirmed" } : operation,
      ),
    }
    const kinds = check(day.record, day.observed).details.map(({ kind }) => kind)
    expect(kinds).toContain("verdict-differs")
    expect(kinds).toContain("block-not-expired")
  })
})

describe("percentiles", () => {
  it("are nearest ranks", () => {
    const sorted = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0.5, 0.95, 0.99].map(share => percentile(sorted, share))).toEqual([50, 95, 99])
    expect(percentile([7], 0.99)).toBe(7)
    expect(percentile([], 0.5)).toBe(0)
  })
})
