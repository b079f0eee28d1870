import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { AnswerCache } from "../../src/answer-cache/ports.ts"

export interface AnswerCacheHarness {
  readonly cache: AnswerCache
  /** As the app keeps an answer. */
  keep(key: string, answer: string): Promise<void>
  kept(key: string): Promise<string | null>
  close(): Promise<void>
}

/** The promises of the port AnswerCache, kept by every implementation. */
export function answerCacheConformance(name: string, open: () => Promise<AnswerCacheHarness>): void {
  describe(`answer cache: ${name}`, () => {
    let harness: AnswerCacheHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    test("forgets the keys it is told, and no other", async () => {
      await harness.keep("ip_blocked:a", "true")
      await harness.keep("ip_blocked:ab", "false")
      await harness.cache.forget(["ip_blocked:a"])
      expect([await harness.kept("ip_blocked:a"), await harness.kept("ip_blocked:ab")]).toEqual([
        null,
        "false",
      ])
    })

    test("what is not there needs no forgetting, twice neither", async () => {
      await harness.cache.forget(["nobody:1"])
      await harness.cache.forget(["nobody:1", "nobody:1"])
      await harness.cache.forget([])
      expect(await harness.kept("nobody:1")).toBeNull()
    })

    test("forgets more keys at once than one command takes", async () => {
      const keys = Array.from({ length: 2_501 }, (_, index) => `patient_info:${index}`)
      await Promise.all(keys.map(key => harness.keep(key, "{}")))
      await harness.cache.forget(keys)
      expect(
        (await Promise.all(keys.map(key => harness.kept(key)))).filter(answer => answer !== null),
      ).toEqual([])
    })

    test("an answer kept after it is a new one and stays", async () => {
      await harness.cache.forget(["ip_blocked:a"])
      await harness.keep("ip_blocked:a", "true")
      expect(await harness.kept("ip_blocked:a")).toBe("true")
    })
  })
}
