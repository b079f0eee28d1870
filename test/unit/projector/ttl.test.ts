import { describe, expect, it } from "vitest"
import { createTtl } from "../../../src/projector/ttl.ts"
import type { Clock } from "../../../src/runtime/clock.ts"

function ttlWith(nextDueInMs: number | null) {
  const waits: number[] = []
  const clock: Clock = { nowMs: () => 0, sleep: async ms => void waits.push(ms) }
  const limits: number[] = []
  const readModel = {
    expireDue: async (limit: number) => {
      limits.push(limit)
      return { expired: 2, nextDueInMs }
    },
  }
  return { ttl: createTtl({ readModel, clock, batchSize: 50 }), waits, limits }
}

describe("ttl", () => {
  const { signal } = new AbortController()

  it("expires a batch a pass and says how many", async () => {
    const { ttl, limits } = ttlWith(null)
    expect(await ttl.tick(signal)).toBe(2)
    expect(limits).toEqual([50])
  })

  it("waits no longer than until the next timer runs out", async () => {
    const { ttl, waits } = ttlWith(40)
    await ttl.tick(signal)
    await ttl.waitForWork(500, signal)
    expect(waits).toEqual([40])
  })

  it("waits as long as it is told when no timer runs", async () => {
    const { ttl, waits } = ttlWith(null)
    await ttl.tick(signal)
    await ttl.waitForWork(500, signal)
    expect(waits).toEqual([500])
  })
})
