import { describe, expect, test } from "vitest"
import { createLockHorizon } from "../../../src/adapters/postgres/relay/lock-horizon.ts"

const flushed = { inserted: 1n, flushed: 1n }

describe("lock horizon", () => {
  test("is safe at once when nobody holds the lock", () => {
    const horizon = createLockHorizon()
    horizon.observe(10n, new Set())
    horizon.settle(flushed)
    expect(horizon.safe()).toBe(10n)
    expect(horizon.isSettled(10n)).toBe(true)
    expect(horizon.isSettled(11n)).toBe(false)
  })

  test("waits for those that held it then, not for those that came later", () => {
    const horizon = createLockHorizon()
    horizon.observe(10n, new Set(["a"]))
    horizon.settle(flushed)
    expect(horizon.safe()).toBe(0n)
    horizon.observe(20n, new Set(["b"]))
    horizon.settle(flushed)
    expect(horizon.safe()).toBe(10n)
    horizon.observe(20n, new Set(["c"]))
    horizon.settle(flushed)
    expect(horizon.safe()).toBe(20n)
  })

  test("one long transaction holds only what was sampled since it began", () => {
    const horizon = createLockHorizon()
    horizon.observe(10n, new Set(["short"]))
    horizon.observe(20n, new Set(["short", "long"]))
    horizon.observe(30n, new Set(["long"]))
    horizon.settle(flushed)
    expect(horizon.safe()).toBe(10n)
    for (let highest = 31n; highest < 200n; highest += 1n) horizon.observe(highest, new Set(["long"]))
    horizon.settle(flushed)
    expect(horizon.safe()).toBe(10n)
    horizon.observe(200n, new Set())
    horizon.settle(flushed)
    expect(horizon.safe()).toBe(200n)
  })

  test("waits until what was written when the last holder went is on disk", () => {
    const horizon = createLockHorizon()
    horizon.observe(10n, new Set(["a"]))
    expect(horizon.settle({ inserted: 5n, flushed: 5n })).toBe(false)
    horizon.observe(10n, new Set())
    expect(horizon.settle({ inserted: 9n, flushed: 5n })).toBe(true)
    expect(horizon.settle({ inserted: 20n, flushed: 8n })).toBe(true)
    expect(horizon.safe()).toBe(0n)
    expect(horizon.settle({ inserted: 20n, flushed: 9n })).toBe(false)
    expect(horizon.safe()).toBe(10n)
  })
})
