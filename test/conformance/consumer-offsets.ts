import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { ConsumerOffsets } from "../../src/answer-cache/ports.ts"

export interface ConsumerOffsetsHarness {
  readonly offsets: ConsumerOffsets
  close(): Promise<void>
}

/** The promises of the port ConsumerOffsets, kept by every implementation. */
export function consumerOffsetsConformance(name: string, open: () => Promise<ConsumerOffsetsHarness>): void {
  describe(`consumer offsets: ${name}`, () => {
    let harness: ConsumerOffsetsHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    const move = (storedOffset: bigint | null, nextOffset: bigint, partition = 0) =>
      harness.offsets.move({ consumerGroup: "g", topic: "t", partition, storedOffset, nextOffset })
    const stored = (partition = 0) => harness.offsets.storedOffset("g", "t", partition)

    test("has nothing at first, and then where it was moved to", async () => {
      expect(await stored()).toBeNull()
      expect(await move(null, 5n)).toEqual({ outcome: "stored" })
      expect(await move(5n, 2n ** 53n + 1n)).toEqual({ outcome: "stored" })
      expect(await stored()).toBe(2n ** 53n + 1n)
    })

    test("moves only from where the batch was judged", async () => {
      await move(null, 5n)
      expect(await move(null, 9n)).toEqual({ outcome: "moved" })
      expect(await move(4n, 9n)).toEqual({ outcome: "moved" })
      expect(await stored()).toBe(5n)
    })

    test("keeps partitions apart", async () => {
      await move(null, 5n)
      expect(await stored(1)).toBeNull()
      expect(await move(null, 7n, 1)).toEqual({ outcome: "stored" })
      expect(await stored()).toBe(5n)
    })
  })
}
