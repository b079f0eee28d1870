import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { BusFindings } from "../../src/bus/findings.ts"

export interface BusFindingsHarness {
  readonly findings: BusFindings
  close(): Promise<void>
}

/** The promises of the port BusFindings, kept by every implementation. */
export function busFindingsConformance(name: string, open: () => Promise<BusFindingsHarness>): void {
  describe(`bus findings: ${name}`, () => {
    let harness: BusFindingsHarness
    let findings: BusFindings
    beforeAll(async () => {
      harness = await open()
      findings = harness.findings
    })
    afterAll(() => harness.close())

    const listed = async () => (await findings.list()).map(({ finding, about }) => `${finding} ${about}`)

    test("keeps what is open, oldest first, once, and since when", async () => {
      expect(await findings.list()).toEqual([])
      await findings.open("topic-recreated", "a")
      await findings.open("kafka-unreachable", "relay", 60_000)
      const first = await findings.list()
      expect(await listed()).toEqual(["kafka-unreachable relay", "topic-recreated a"])
      const apartMs = (first[1]?.sinceMs ?? 0) - (first[0]?.sinceMs ?? 0)
      expect(Math.abs(apartMs - 60_000)).toBeLessThan(30_000)
      await findings.open("kafka-unreachable", "relay")
      expect(await findings.list()).toEqual(first)
    })

    test("closes what is named, and nothing else", async () => {
      await findings.open("topic-recreated", "b")
      await findings.close("topic-recreated", "a")
      await findings.close("topic-recreated", "never open")
      await findings.close("kafka-unreachable", "relay")
      expect(await listed()).toEqual(["topic-recreated b"])
    })
  })
}
