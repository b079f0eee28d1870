import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createPartitionKeeper } from "../../src/outbox/partition-keeper.ts"
import type { PartitionLog } from "../../src/outbox/ports.ts"

export interface PartitionLogHarness {
  /** Without any partition but the default one. */
  readonly log: PartitionLog
  /** Someone reads the log for long; the answer lets go. */
  hold(): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** The promises of the port PartitionLog, kept by every implementation. */
export function partitionLogConformance(name: string, open: () => Promise<PartitionLogHarness>): void {
  describe(`partition log: ${name}`, () => {
    let harness: PartitionLogHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    test("makes today's partition and those of the days ahead, once", async () => {
      expect(await harness.log.ensurePartitions(3)).toEqual({ outcome: "ensured", made: 4 })
      expect(await harness.log.ensurePartitions(3)).toEqual({ outcome: "ensured", made: 0 })
      expect(await harness.log.ensurePartitions(5)).toEqual({ outcome: "ensured", made: 2 })
    })

    test("gives up while someone holds the log, and makes all of them later", async () => {
      const letGo = await harness.hold()
      expect(await harness.log.ensurePartitions(2)).toEqual({ outcome: "busy" })
      await letGo()
      expect(await harness.log.ensurePartitions(2)).toEqual({ outcome: "ensured", made: 3 })
    })

    test("the keeper's pass says how many it made and takes a busy log calmly", async () => {
      const keeper = createPartitionKeeper({ log: harness.log, daysAhead: 1 })
      const { signal } = new AbortController()
      const letGo = await harness.hold()
      expect(await keeper.tick(signal)).toBe(0)
      await letGo()
      expect(await keeper.tick(signal)).toBe(2)
      expect(await keeper.tick(signal)).toBe(0)
    })
  })
}
