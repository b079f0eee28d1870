import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { RelayCursor, RelayLease, SetAside } from "../../src/relay/ports.ts"
import { anySubject, unblockRequested } from "../support/event-builders.ts"
import { until } from "../support/until.ts"

export interface RelayCursorHarness {
  readonly cursor: RelayCursor
  /** What was set aside so far, as event id and reason. */
  setAside(): Promise<readonly { readonly eventId: string; readonly reason: string }[]>
  close(): Promise<void>
}

const LONG_MS = 60_000

/** The promises of the port RelayCursor, kept by every implementation. */
export function relayCursorConformance(name: string, open: () => Promise<RelayCursorHarness>): void {
  describe(`relay cursor: ${name}`, () => {
    let harness: RelayCursorHarness
    let cursor: RelayCursor
    beforeEach(async () => {
      harness = await open()
      cursor = harness.cursor
    })
    afterEach(() => harness.close())

    async function lease(holder: string, leaseMs = LONG_MS): Promise<RelayLease> {
      const acquired = await cursor.acquire(holder, leaseMs)
      if (!acquired) throw new Error(`${holder} did not get the lease`)
      return acquired
    }

    test("starts before the first event", async () => {
      expect((await lease("a")).position).toBe(0n)
    })

    test("has one holder at a time; a renewal keeps the epoch", async () => {
      const first = await lease("a")
      expect(await cursor.acquire("b", LONG_MS)).toBeNull()
      expect((await lease("a")).epoch).toBe(first.epoch)
    })

    test("one of many that ask at once gets it", async () => {
      const answers = await Promise.all(
        ["a", "b", "c", "d", "e"].map(holder => cursor.acquire(holder, LONG_MS)),
      )
      expect(answers.filter(answer => answer !== null)).toHaveLength(1)
    })

    test("moves forward only, and gives its position to the next holder", async () => {
      const { epoch } = await lease("a")
      expect(await cursor.advance(epoch, 20n)).toBe(true)
      expect(await cursor.advance(epoch, 10n)).toBe(false)
      expect(await cursor.advance(epoch, 20n)).toBe(true)
      await cursor.release(epoch)
      expect((await lease("b")).position).toBe(20n)
    })

    test("a released lease can be taken at once, and its epoch moves nothing any more", async () => {
      const old = await lease("a")
      await cursor.release(old.epoch)
      expect(await cursor.advance(old.epoch, 5n)).toBe(false)
      const next = await lease("b")
      expect(next.epoch).toBeGreaterThan(old.epoch)
      expect(await cursor.advance(old.epoch, 5n)).toBe(false)
      await cursor.release(old.epoch)
      expect(await cursor.acquire("a", LONG_MS)).toBeNull()
      expect(await cursor.advance(next.epoch, 5n)).toBe(true)
    })

    test("a lease that ran out goes to who asks next, and the stale epoch moves nothing", async () => {
      const old = await lease("a", 1)
      const next = await until(
        () => cursor.acquire("b", LONG_MS),
        answer => answer !== null,
      )
      expect(next?.epoch).toBeGreaterThan(old.epoch)
      expect(await cursor.advance(old.epoch, 99n)).toBe(false)
      expect((await lease("b")).position).toBe(0n)
    })

    test("a lease that ran out still moves the position while nobody took over", async () => {
      const { epoch } = await lease("a", 1)
      await until(
        () => cursor.advance(epoch, 7n),
        moved => moved,
      )
    })

    test("sets events aside with the advance, once each", async () => {
      const { epoch } = await lease("a")
      const letter: SetAside = {
        event: unblockRequested(anySubject()),
        reason: "message-too-large",
        blocksSubject: true,
      }
      const expected = [{ eventId: letter.event.eventId, reason: letter.reason }]
      expect(await cursor.advance(epoch, 10n, [letter])).toBe(true)
      expect(await harness.setAside()).toEqual(expected)
      expect(await cursor.advance(epoch, 11n, [letter])).toBe(true)
      expect(await harness.setAside()).toEqual(expected)
    })

    test("sets nothing aside when the position does not move", async () => {
      const { epoch } = await lease("a")
      const letter: SetAside = {
        event: unblockRequested(anySubject()),
        reason: "unknown-type",
        blocksSubject: true,
      }
      expect(await cursor.advance(epoch + 1n, 10n, [letter])).toBe(false)
      expect(await harness.setAside()).toEqual([])
      expect((await lease("a")).position).toBe(0n)
    })
  })
}
