import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createPartitionKeeper } from "../../src/outbox/partition-keeper.ts"
import type { PartitionLog } from "../../src/outbox/ports.ts"
import { silentLogger } from "../../src/runtime/logger.ts"

export interface PartitionLogHarness {
  /** Without any partition but the default one. */
  readonly log: PartitionLog
  /** Someone reads the log for long; the answer lets go. */
  hold(): Promise<() => Promise<void>>
  /** An event of so many days from now, in whatever partition takes it. */
  append(daysFromNow: number): Promise<void>
  /** Of all events in no day's partition. */
  strays(): Promise<number>
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

    test("moves events to their days, past and to come, and makes those", async () => {
      for (const days of [-40, -40, -1, 0, 3]) await harness.append(days)
      expect(await harness.strays()).toBe(5)
      const { signal } = new AbortController()
      expect(await harness.log.sortStrays(signal)).toEqual({ outcome: "sorted", moved: 5, days: 4 })
      expect(await harness.strays()).toBe(0)
      expect(await harness.log.sortStrays(signal)).toEqual({ outcome: "sorted", moved: 0, days: 0 })
      for (const days of [-40, -1, 0, 3]) await harness.append(days)
      expect(await harness.strays()).toBe(0)
      expect(await harness.log.ensurePartitions(3)).toEqual({ outcome: "ensured", made: 2 })
    })

    test("leaves them while someone holds the log", async () => {
      await harness.append(-2)
      const letGo = await harness.hold()
      const { signal } = new AbortController()
      expect(await harness.log.sortStrays(signal)).toEqual({ outcome: "busy" })
      expect(await harness.strays()).toBe(1)
      await letGo()
      expect(await harness.log.sortStrays(signal)).toEqual({ outcome: "sorted", moved: 1, days: 1 })
    })

    test("the keeper's pass says how many it made and takes a busy log calmly", async () => {
      const keeper = createPartitionKeeper({ log: harness.log, daysAhead: 1, logger: silentLogger })
      const { signal } = new AbortController()
      const letGo = await harness.hold()
      expect(await keeper.tick(signal)).toBe(0)
      await letGo()
      expect(await keeper.tick(signal)).toBe(2)
      expect(await keeper.tick(signal)).toBe(0)
    })
  })
}
