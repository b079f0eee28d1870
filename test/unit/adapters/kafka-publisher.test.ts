import { describe, expect, test } from "vitest"
import { prove } from "../../../src/adapters/kafka/publisher.ts"

const answer = (partition: number, baseOffset: string) => ({
  topicName: "t",
  partition,
  errorCode: 0,
  baseOffset,
})

describe("proof of a send", () => {
  test("takes offsets that rise", () => {
    const last = new Map<string, bigint>()
    prove([answer(0, "0"), answer(1, "5")], new Set(["t/0", "t/1"]), last)
    prove([answer(0, "3")], new Set(["t/0"]), last)
    expect([...last]).toEqual([
      ["t/0", 3n],
      ["t/1", 5n],
    ])
  })

  test("refuses an offset that was given before: the broker took the batch for an older one and dropped it", () => {
    const last = new Map([["t/0", 7n]])
    expect(() => prove([answer(0, "7")], new Set(["t/0"]), last)).toThrow("did not rise")
  })

  test("refuses an answer that leaves out a partition", () => {
    expect(() => prove([answer(0, "1")], new Set(["t/0", "t/1"]), new Map())).toThrow("t/1")
  })
})
