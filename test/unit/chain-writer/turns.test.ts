import { describe, expect, it } from "vitest"
import type { ReadyType } from "../../../src/chain-writer/ports.ts"
import { createTurns } from "../../../src/chain-writer/turns.ts"

const types = ["patient", "ip-block", "attack-signature"] as const
const ready = (type: ReadyType["type"], live: boolean, backfill: boolean): ReadyType => ({
  type,
  live,
  backfill,
})
const [livePatients, oldPatients] = [ready("patient", true, false), ready("patient", false, true)]
const [liveBlocks, oldBlocks] = [ready("ip-block", true, false), ready("ip-block", false, true)]

describe("turns", () => {
  it("go round the types, so that a flood of one does not hold up the others", () => {
    const turns = createTurns({ types, maxInFlight: 4 })
    expect(turns.order([livePatients, liveBlocks], 0)).toEqual(["ip-block", "patient"])
    turns.began("ip-block")
    expect(turns.order([livePatients, liveBlocks], 0)).toEqual(["patient", "ip-block"])
  })

  it("are of a type with live work before one with backfill alone", () => {
    const turns = createTurns({ types, maxInFlight: 4 })
    turns.began("attack-signature")
    expect(turns.order([oldPatients, liveBlocks], 0)).toEqual(["ip-block", "patient"])
  })

  it("leave half of the places in flight to live work", () => {
    const turns = createTurns({ types, maxInFlight: 4 })
    expect(turns.order([oldPatients], 1)).toEqual(["patient"])
    expect(turns.order([oldPatients], 2)).toEqual([])
    expect(turns.order([oldPatients, liveBlocks], 2)).toEqual(["ip-block"])
    expect(createTurns({ types, maxInFlight: 1 }).order([oldPatients], 0)).toEqual(["patient"])
  })

  it("are backfill's one time in eight, whatever else there is", () => {
    const turns = createTurns({ types, maxInFlight: 4 })
    const all = [oldPatients, liveBlocks, ready("attack-signature", true, false)]
    const firsts = Array.from({ length: 24 }, () => {
      const [first = "patient"] = turns.order(all, 3)
      turns.began(first)
      return first
    })
    expect(firsts.filter(type => type === "patient")).toHaveLength(3)
    expect(firsts.lastIndexOf("patient")).toBe(23)
  })

  it("keep an eighth of a batch for backfill, and in its own turn a place at least", () => {
    const turns = createTurns({ types, maxInFlight: 4 })
    expect([256, 8, 7].map(turns.backfillShare)).toEqual([32, 1, 0])
    for (let batches = 0; batches < 7; batches += 1) turns.began("ip-block")
    expect([256, 8, 7, 1].map(turns.backfillShare)).toEqual([32, 1, 1, 1])
    expect(turns.order([oldBlocks, livePatients], 0)).toEqual(["ip-block", "patient"])
  })
})
