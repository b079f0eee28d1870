import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { StatusSources } from "../../src/ops/status.ts"
import type { RelayStatus } from "../../src/relay/ports.ts"

export interface RelayStatusHarness {
  readonly status: RelayStatus
  /** What `reconciler status` shows of the same log. */
  readonly sources: Pick<StatusSources, "relay" | "deadLetters">
  append(count: number): Promise<void>
  /** As the relay does: the oldest `count` events that were not published yet. */
  publish(count: number): Promise<void>
  setAside(): Promise<void>
  close(): Promise<void>
}

export function relayStatusConformance(name: string, create: () => Promise<RelayStatusHarness>): void {
  describe(`relay status: ${name}`, () => {
    let harness: RelayStatusHarness
    beforeEach(async () => {
      harness = await create()
    })
    afterEach(() => harness.close())

    test("nothing waits in an empty log, and nothing has an age", async () => {
      expect(await harness.status.waiting()).toEqual({ waiting: 0, oldestAgeMs: null })
      expect(await harness.sources.relay()).toEqual({ done: 0, waiting: 0, oldestAgeMs: null })
    })

    test("what was appended waits, and has an age", async () => {
      await harness.append(3)
      const { waiting, oldestAgeMs } = await harness.status.waiting()
      expect(waiting).toBe(3)
      expect(oldestAgeMs).toBeGreaterThanOrEqual(0)
      expect(await harness.sources.relay()).toMatchObject({ done: 0, waiting: 3 })
    })

    test("what was published waits no more, and is done", async () => {
      await harness.append(3)
      await harness.publish(2)
      expect(await harness.status.waiting()).toMatchObject({ waiting: 1 })
      expect(await harness.sources.relay()).toMatchObject({ done: 2, waiting: 1 })
      await harness.publish(1)
      expect(await harness.status.waiting()).toEqual({ waiting: 0, oldestAgeMs: null })
    })

    test("counts what was set aside", async () => {
      expect(await harness.sources.deadLetters()).toBe(0)
      await harness.setAside()
      expect(await harness.sources.deadLetters()).toBe(1)
    })
  })
}
