import { describe, expect, it } from "vitest"
import { REMAINING, type Remaining } from "../../../src/demo/observe/remaining.ts"
import { settle } from "../../../src/demo/settle.ts"
import type { Clock } from "../../../src/runtime/clock.ts"

function remaining(counts: Partial<Remaining>): Remaining {
  const none = Object.fromEntries(REMAINING.map(name => [name, 0])) as Remaining
  return { ...none, ...counts }
}

/** Time passes only by waiting. */
function steppedClock(): Clock & { atMs: number } {
  const clock = {
    atMs: 0,
    nowMs: () => clock.atMs,
    sleep: async (ms: number) => {
      clock.atMs += ms
    },
  }
  return clock
}

const signal = new AbortController().signal

describe("waiting for the end of the day", () => {
  it("ends when nothing remains", async () => {
    const left = [remaining({ "rows to remove": 2 }), remaining({ "rows to remove": 1 }), remaining({})]
    const readRemaining = async () => left.shift() ?? remaining({ "rows to remove": 9 })
    const clock = steppedClock()
    expect(await settle({ readRemaining, clock, signal, lastExpiryMs: 0 })).toEqual({ settled: true })
    expect(left).toEqual([])
  })

  it("goes on for as long as something moves", async () => {
    let open = 500
    const clock = steppedClock()
    const readRemaining = async () => {
      open -= clock.atMs % 50_000 === 0 ? 1 : 0
      return remaining({ "operations without an end": open > 490 ? open : 0 })
    }
    expect(await settle({ readRemaining, clock, signal, lastExpiryMs: 0 })).toEqual({ settled: true })
    expect(clock.atMs).toBeGreaterThan(400_000)
  })

  it("gives up after a minute without movement and says what is stuck", async () => {
    const clock = steppedClock()
    const readRemaining = async () => remaining({ "operations without an end": 3, "rows to remove": 1 })
    expect(await settle({ readRemaining, clock, signal, lastExpiryMs: 0 })).toEqual({
      settled: false,
      stuck: ["3 operations without an end", "1 rows to remove"],
    })
    expect(clock.atMs).toBeLessThan(62_000)
  })

  it("does not lose patience before the last block is over", async () => {
    const clock = steppedClock()
    const readRemaining = async () => remaining(clock.atMs < 300_000 ? { "blocks not expired": 4 } : {})
    expect(await settle({ readRemaining, clock, signal, lastExpiryMs: 299_000 })).toEqual({ settled: true })
  })

  it("rejects when it is told to stop", async () => {
    const stop = new AbortController()
    const readRemaining = async () => {
      stop.abort()
      return remaining({ "rows to remove": 1 })
    }
    const waiting = settle({ readRemaining, clock: steppedClock(), signal: stop.signal, lastExpiryMs: 0 })
    await expect(waiting).rejects.toThrow(stop.signal.reason)
  })
})
