import { describe, expect, test } from "vitest"
import { continuityOf } from "../../../src/bus/continuity.ts"

describe("continuity of a batch with the stored offset", () => {
  const batch = (fetchOffset: bigint, lowOffset: bigint | null = 0n, endOffset: bigint | null = 100n) => ({
    fetchOffset,
    lowOffset,
    endOffset,
  })

  test.each([
    ["begins where it ends", batch(7n), 7n, { continues: true }],
    ["begins at the oldest message and nothing is stored", batch(5n, 5n), null, { continues: true }],
    ["begins above the oldest and nothing is stored", batch(9n, 5n), null, { continues: false, seekTo: 5n }],
    ["begins before it", batch(3n), 7n, { continues: false, seekTo: 7n }],
    ["begins after it", batch(9n), 7n, { continues: false, seekTo: 7n }],
    ["begins after it and the oldest is unknown", batch(9n, null), 7n, { continues: false, seekTo: 7n }],
    [
      "begins at the oldest, and retention took what is between",
      batch(9n, 9n),
      7n,
      { continues: true, finding: "messages-expired" },
    ],
    ["begins above the oldest, which is above it", batch(12n, 9n), 7n, { continues: false, seekTo: 9n }],
    [
      "begins again because the broker has less than was read",
      batch(0n, 0n, 5n),
      7n,
      { continues: true, finding: "messages-gone" },
    ],
    ["ends exactly where the broker's log ends", batch(3n, 0n, 7n), 7n, { continues: false, seekTo: 7n }],
  ])("%s", (_name, received, stored, expected) => {
    expect(continuityOf(received, stored)).toEqual(expected)
  })
})
