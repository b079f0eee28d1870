import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EventRecord } from "../../../src/domain/event.ts"
import {
  evolve,
  factsOf,
  foldFacts,
  lifecycleOf,
  type OperationState,
} from "../../../src/domain/lifecycle.ts"
import {
  anySubject,
  blockRequested,
  confirmed,
  event,
  expired,
  manualBlockRequested,
  removed,
  result,
} from "../../support/event-builders.ts"

const block = blockRequested(anySubject(), -1)
const expiry = expired(block)
const wholeLife = [
  block,
  confirmed(block),
  expiry,
  confirmed(expiry),
  removed(block),
  // An operation a person sent again after it was rejected: the later result stands.
  result(block, "rejected"),
]

function stateAfter(events: readonly EventRecord[], position: bigint): OperationState | null {
  return events
    .flatMap(factsOf)
    .filter(fact => fact.position === position)
    .reduce<OperationState | null>(evolve, null)
}

describe("evolve", () => {
  it("gives the same state in every order", () => {
    const expected = stateAfter(wholeLife, block.position)
    for (const order of permutations(wholeLife)) {
      expect(stateAfter(order, block.position)).toEqual(expected)
    }
  })

  it("gives the same state with any events told again, in any order", () => {
    const expected = foldFacts(wholeLife)
    const told = fc
      .array(fc.constantFrom(...wholeLife), { maxLength: 12 })
      .chain(again =>
        fc.shuffledSubarray([...wholeLife, ...again], { minLength: wholeLife.length + again.length }),
      )
    fc.assert(
      fc.property(told, events => {
        expect(foldFacts(events)).toEqual(expected)
      }),
    )
  })

  it("keeps what each kind of event told, whatever came first", () => {
    const state = stateAfter([removed(block, 1), confirmed(block), block], block.position)
    expect(state).toMatchObject({
      requested: {
        eventId: block.eventId,
        kind: "block-ip",
        expiresAt: block.payload.expiresAt,
        manual: false,
      },
      resulted: { result: "confirmed", outcome: "Applied" },
      removed: { rows: 1 },
    })
  })
})

describe("lifecycle", () => {
  const patient = event("register-patient.requested", anySubject())

  it.each([
    [[patient], "requested"],
    [[patient, confirmed(patient)], "confirmed"],
    [[patient, result(patient, "rejected")], "rejected"],
    [[result(patient, "superseded"), patient], "superseded"],
  ] as const)("of a patient", (events, expected) => {
    const [state] = foldFacts(events)
    expect(state && lifecycleOf(state)).toBe(expected)
  })

  it("of a block goes on to expired and removed", () => {
    const stages = [1, 2, 3, 5].map(count => stateAfter(wholeLife.slice(0, count), block.position))
    expect(stages.map(state => state && lifecycleOf(state))).toEqual([
      "requested",
      "confirmed",
      "expired",
      "removed",
    ])
  })

  it("of an expiry is that of an operation of its own", () => {
    const states = foldFacts([block, expiry, confirmed(expiry)])
    expect(states.map(state => [state.position, lifecycleOf(state)])).toEqual([
      [block.position, "expired"],
      [expiry.position, "confirmed"],
    ])
  })

  it("of a manual block has no expiry", () => {
    const [state] = foldFacts([manualBlockRequested(anySubject())])
    expect(state?.requested).toMatchObject({ manual: true, expiresAt: null })
  })
})

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) =>
    permutations(items.filter((_, other) => other !== index)).map(rest => [item, ...rest]),
  )
}
