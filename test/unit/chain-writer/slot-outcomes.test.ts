import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { outcomesFromSlots } from "../../../src/chain-writer/slot-outcomes.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import { encodeWord, FLAG } from "../../../src/domain/word.ts"
import { testSeed } from "../../support/seed.ts"
import { decide } from "../../support/twins/registry-rules.ts"

const NOW_SECONDS = 1_800_000_000
const seed = testSeed()

/** Few versions and tags, so that records meet; the last one is of the future. */
const versions = [1, 2, 3].map(n => lowestPositionAt(NOW_SECONDS * 1000 - 10_000) + BigInt(n) * 1024n)
const version = fc.constantFrom(...versions, lowestPositionAt(NOW_SECONDS * 1000 + 600_000))
const fields = fc.record({ version, tag: fc.constantFrom(1n, 2n) })
const times = { timeSeconds: NOW_SECONDS, expirySeconds: 0 }
const { active, exists, manual, expire } = FLAG
const word = fc.oneof(
  fields.map(given => encodeWord({ ...given, ...times, flags: exists | active | manual })),
  fields.map(given => encodeWord({ ...given, ...times, flags: exists })),
  fields.map(given => encodeWord({ ...given, ...times, flags: expire })),
  fc
    .tuple(fields, fc.constantFrom(-5, 60))
    .map(([given, inSeconds]) =>
      encodeWord({ ...given, ...times, expirySeconds: NOW_SECONDS + inSeconds, flags: exists | active }),
    ),
)

const apply = (stored: bigint, record: bigint) => decide("ip-block", stored, record, NOW_SECONDS)

describe(`outcomes read from slots (TEST_SEED=${seed})`, () => {
  it("are what the contract said, for a record that is alone", () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), word, (history, record) => {
        const before = history.reduce((stored, each) => apply(stored, each).next, 0n)
        const { outcome, next: after } = apply(before, record)
        seen.add(outcome)
        expect(outcomesFromSlots([{ word: record, before, after }], NOW_SECONDS)).toEqual([outcome])
      }),
      { seed, numRuns: 5_000 },
    )
    expect(seen.size).toBe(9)
  })

  it("are what sending the record again would come to, where several of a subject hide each other", () => {
    fc.assert(
      fc.property(word, fc.array(word, { minLength: 2, maxLength: 4 }), (first, batch) => {
        const before = apply(0n, first).next
        const after = batch.reduce((stored, each) => apply(stored, each).next, before)
        const outcomes = outcomesFromSlots(
          batch.map(each => ({ word: each, before, after })),
          NOW_SECONDS,
        )
        const again = batch.map(each => apply(after, each).outcome)
        const confirmed = ["Applied", "AlreadyApplied", "Expired"]
        const triedAgain = ["Future", "NotDue", "Missing"]
        for (const [index, outcome] of outcomes.entries()) {
          const overwritten = outcome === "Applied" && again[index] === "Superseded"
          const open = triedAgain.includes(outcome)
          const same =
            outcome === again[index] || (confirmed.includes(outcome) && again[index] === "AlreadyApplied")
          expect(overwritten || open || same, `${outcome} ${again[index]}`).toBe(true)
        }
      }),
      { seed, numRuns: 2_000 },
    )
  })

  it("show that an operation took effect before a later one of its batch overwrote it", () => {
    const [older, newer] = [1, 2].map(n =>
      encodeWord({ ...times, version: versions[n] ?? 0n, tag: 1n, flags: exists }),
    )
    if (!older || !newer) throw new Error("two words")
    const records = [older, newer].map(each => ({ word: each, before: 0n, after: newer }))
    expect(outcomesFromSlots(records, NOW_SECONDS)).toEqual(["Applied", "Applied"])
    expect(outcomesFromSlots(records.slice(0, 1), NOW_SECONDS)).toEqual(["Superseded"])
  })
})
