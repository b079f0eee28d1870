import { beforeEach, describe, expect, test } from "vitest"
import { createCursorKeeper } from "../../../src/relay/cursor-keeper.ts"
import type { RelayCursor, SetAside } from "../../../src/relay/ports.ts"
import type { Clock } from "../../../src/runtime/clock.ts"
import { anySubject, unblockRequested } from "../../support/event-builders.ts"

describe("the cursor's keeper", () => {
  let asked: { position: bigint; setAside: number; answer: (moved: boolean) => void; fail: () => void }[]
  const cursor: Pick<RelayCursor, "advance"> = {
    advance: (_epoch, position, setAside = []) =>
      new Promise((resolve, reject) => {
        asked.push({
          position,
          setAside: setAside.length,
          answer: resolve,
          fail: () => reject(new Error("cut")),
        })
      }),
  }
  const letter = (): SetAside => ({
    event: unblockRequested(anySubject()),
    reason: "unknown-type",
    blocksSubject: true,
  })
  /** Waits end when a test says so. */
  let waits: { ms: number; end: () => void }[]
  const clock: Clock = {
    nowMs: () => 0,
    sleep: (ms, signal) =>
      new Promise(resolve => {
        waits.push({ ms, end: resolve })
        signal?.addEventListener("abort", () => resolve())
      }),
  }
  const turn = () => new Promise(resolve => setImmediate(resolve))
  beforeEach(() => {
    asked = []
    waits = []
  })

  test("stores what came meanwhile in one go, with all that was set aside", async () => {
    const keeper = createCursorKeeper(cursor, clock)
    keeper.advance(1n, 10n, [])
    keeper.advance(1n, 20n, [letter()])
    keeper.advance(1n, 30n, [letter()])
    asked[0]?.answer(true)
    await turn()
    expect(asked).toHaveLength(1)
    expect(waits.map(({ ms }) => ms)).toEqual([20])
    waits[0]?.end()
    await turn()
    expect(asked.map(({ position, setAside }) => [position, setAside])).toEqual([
      [10n, 0],
      [30n, 2],
    ])
  })

  test("stores what waits at once when somebody waits for that", async () => {
    const keeper = createCursorKeeper(cursor, clock)
    keeper.advance(1n, 10n, [])
    asked[0]?.answer(true)
    await turn()
    keeper.advance(1n, 20n, [])
    const settled = keeper.settled()
    await turn()
    asked[1]?.answer(true)
    await settled
    expect(asked.map(({ position }) => position)).toEqual([10n, 20n])
    expect(keeper.stored()).toBe(20n)
  })

  test("steps over nothing that could not be stored", async () => {
    const keeper = createCursorKeeper(cursor, clock)
    keeper.advance(1n, 10n, [letter()])
    asked[0]?.fail()
    await turn()
    keeper.advance(1n, 20n, [])
    await turn()
    expect(asked).toHaveLength(1)
    expect(() => keeper.throwFailure()).toThrow("cut")
    keeper.forget()
    keeper.advance(1n, 10n, [letter()])
    expect(asked.map(({ position }) => position)).toEqual([10n, 10n])
  })

  test("stores nothing more under an epoch that was refused", async () => {
    const keeper = createCursorKeeper(cursor, clock)
    keeper.advance(1n, 10n, [])
    asked[0]?.answer(false)
    await turn()
    keeper.advance(1n, 20n, [])
    expect(keeper.wasRefused()).toBe(true)
    expect(asked).toHaveLength(1)
  })
})
