import { describe, expect, test } from "vitest"
import { prove } from "../../../../src/adapters/kafka/proof.ts"

describe("proof of a send", () => {
  test("takes offsets that rise", () => {
    const last = new Map<string, bigint>()
    prove(
      [
        { place: "t/0", baseOffset: 0n },
        { place: "t/1", baseOffset: 5n },
      ],
      new Set(["t/0", "t/1"]),
      last,
    )
    prove([{ place: "t/0", baseOffset: 3n }], new Set(["t/0"]), last)
    expect([...last]).toEqual([
      ["t/0", 3n],
      ["t/1", 5n],
    ])
  })

  test("refuses an offset that was given before: the broker took the batch for an older one and dropped it", () => {
    const last = new Map([["t/0", 7n]])
    expect(() => prove([{ place: "t/0", baseOffset: 7n }], new Set(["t/0"]), last)).toThrow("did not rise")
  })

  test("refuses an answer that leaves out a partition", () => {
    expect(() => prove([{ place: "t/0", baseOffset: 1n }], new Set(["t/0", "t/1"]), new Map())).toThrow("t/1")
  })
})
