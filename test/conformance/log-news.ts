import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { LogNews } from "../../src/relay/ports.ts"
import { until } from "../support/until.ts"

export interface LogNewsHarness {
  readonly news: LogNews
  /** Commits an event. */
  append(): Promise<void>
  close(): Promise<void>
}

const LONG_MS = 10_000
const SHORT_MS = 150

/** The promises of the port LogNews, kept by every implementation. */
export function logNewsConformance(name: string, open: () => Promise<LogNewsHarness>): void {
  describe(`log news: ${name}`, () => {
    const { signal } = new AbortController()
    let harness: LogNewsHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    async function waitedMs(ms: number, until = signal): Promise<number> {
      const startedMs = performance.now()
      await harness.news.wait(ms, until)
      return performance.now() - startedMs
    }

    /** Asking may itself count as news, which only makes the relay look once more. */
    async function ask(forMs: number): Promise<void> {
      expect(await harness.news.ask(forMs)).toBe(true)
      await until(
        () => waitedMs(SHORT_MS),
        waited => waited >= SHORT_MS * 0.9,
      )
    }

    test("ends a wait at an append", async () => {
      await ask(LONG_MS)
      const waiting = waitedMs(LONG_MS)
      await harness.append()
      expect(await waiting).toBeLessThan(LONG_MS / 2)
    })

    test("keeps news for the next wait", async () => {
      await ask(LONG_MS)
      await harness.append()
      expect(await waitedMs(LONG_MS)).toBeLessThan(LONG_MS / 2)
    })

    test("ends a wait after its time, and at an abort", async () => {
      expect(await waitedMs(SHORT_MS)).toBeGreaterThanOrEqual(SHORT_MS * 0.9)
      const stop = new AbortController()
      const waiting = waitedMs(LONG_MS, stop.signal)
      stop.abort()
      expect(await waiting).toBeLessThan(LONG_MS / 2)
    })

    test("is told nothing any more once the asking is taken back or has run out", async () => {
      await ask(LONG_MS)
      await harness.news.stopAsking()
      await harness.append()
      expect(await waitedMs(SHORT_MS)).toBeGreaterThanOrEqual(SHORT_MS * 0.9)
      await harness.news.ask(1)
      await waitedMs(SHORT_MS)
      await waitedMs(SHORT_MS)
      await harness.append()
      expect(await waitedMs(SHORT_MS)).toBeGreaterThanOrEqual(SHORT_MS * 0.9)
    })
  })
}
