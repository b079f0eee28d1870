import { describe, expect, it } from "vitest"
import { type StageCounts, startProgress } from "../../../src/demo/progress.ts"
import { textStream } from "../../support/text-stream.ts"

/** Each wait ends when the test says so. */
function manualClock() {
  let atMs = 0
  let wake: (() => void) | undefined
  return {
    nowMs: () => atMs,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>(resolve => {
        wake = () => {
          atMs += ms
          resolve()
        }
        signal?.addEventListener("abort", () => resolve(), { once: true })
      }),
    async pass() {
      while (!wake) await new Promise(resolve => setImmediate(resolve))
      const next = wake
      wake = undefined
      next()
      while (!wake) await new Promise(resolve => setImmediate(resolve))
    },
  }
}

const counts = (done: number, waiting: number, oldestAgeMs: number | null): StageCounts => ({
  done,
  waiting,
  oldestAgeMs,
})

describe("the demo's progress", () => {
  it("writes one line every two seconds where there is no terminal, with the rate since the last", async () => {
    const clock = manualClock()
    const { stream, written } = textStream()
    let done = 0
    const read = async () => {
      done += 100
      return counts(done, 5, 1_500)
    }
    const progress = startProgress({ stages: [{ name: "relay", read }], stderr: stream, clock })
    await clock.pass()
    await clock.pass()
    await progress.stop()
    expect(written.slice(0, 2)).toEqual([
      "relay 100 done, 5 waiting, 0/s, oldest 1.5 s\n",
      "relay 200 done, 5 waiting, 50/s, oldest 1.5 s\n",
    ])
  })

  it("redraws in place on a terminal", async () => {
    const clock = manualClock()
    const { stream, written } = textStream({ isTTY: true })
    const read = async () => counts(1, 0, null)
    const progress = startProgress({ stages: [{ name: "relay", read }], stderr: stream, clock })
    await clock.pass()
    await clock.pass()
    await progress.stop()
    expect(written[0]?.startsWith("\x1b[2K")).toBe(true)
    expect(written[1]?.startsWith("\x1b[2A\x1b[2K")).toBe(true)
  })

  it("goes on when a stage cannot answer", async () => {
    const clock = manualClock()
    const { stream, written } = textStream()
    const read = () => Promise.reject(new Error("no connection"))
    const progress = startProgress({ stages: [{ name: "relay", read }], stderr: stream, clock })
    await clock.pass()
    await progress.stop()
    expect(written[0]).toBe("relay ?\n")
  })
})
