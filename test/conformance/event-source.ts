import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { Position } from "../../src/domain/position.ts"
import type { EventSource } from "../../src/relay/ports.ts"
import { until } from "../support/until.ts"

export interface Writer {
  /** The position of the new event. */
  append(): Promise<Position>
  commit(): Promise<void>
  rollback(): Promise<void>
}

export interface EventSourceHarness {
  readonly source: EventSource
  begin(): Promise<Writer>
  close(): Promise<void>
}

/** The promises of the port EventSource, kept by every implementation. */
export function eventSourceConformance(name: string, open: () => Promise<EventSourceHarness>): void {
  describe(`event source: ${name}`, () => {
    let harness: EventSourceHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    const positions = async (after: Position, limit = 100) =>
      (await harness.source.readSafe(after, limit)).map(event => event.position)
    const read = (after: Position, expected: readonly Position[]) =>
      until(
        () => positions(after),
        found => JSON.stringify(found.map(String)) === JSON.stringify(expected.map(String)),
      )

    async function committed(): Promise<Position> {
      const writer = await harness.begin()
      const position = await writer.append()
      await writer.commit()
      return position
    }

    test("gives what is committed by rising position, above the one named, so many at most", async () => {
      const first = await committed()
      const second = await committed()
      const third = await committed()
      await read(0n, [first, second, third])
      await read(first, [second, third])
      expect(await positions(0n, 2)).toEqual([first, second])
      await read(third, [])
    })

    test("gives nothing above an open transaction's event, and all in order when it has committed", async () => {
      const before = await committed()
      await read(0n, [before])
      const late = await harness.begin()
      const held = await late.append()
      const after = await committed()
      for (let pass = 0; pass < 20; pass += 1) expect(await positions(before)).toEqual([])
      await late.commit()
      await read(before, [held, after])
    })

    test("goes on over what was rolled back", async () => {
      const given = await harness.begin()
      await given.append()
      const after = await committed()
      expect(await positions(0n)).toEqual([])
      await given.rollback()
      await read(0n, [after])
      const undone = await harness.begin()
      await undone.append()
      await undone.rollback()
      // Often enough that the positions rolled back are known to stay empty.
      for (let pass = 0; pass < 100; pass += 1) expect(await positions(after)).toEqual([])
      const last = await committed()
      await read(after, [last])
    })

    test("does not wait for a transaction that began later", async () => {
      const before = await committed()
      await read(0n, [before])
      const next = await committed()
      await until(
        () => positions(before),
        found => found.length === 1,
      )
      const later = await harness.begin()
      await later.append()
      expect(await positions(0n)).toEqual([before, next])
      await later.rollback()
    })

    test("loses nothing when told to forget while a transaction is open", async () => {
      const late = await harness.begin()
      const held = await late.append()
      const after = await committed()
      expect(await positions(0n)).toEqual([])
      harness.source.forget()
      expect(await positions(0n)).toEqual([])
      await late.commit()
      await read(0n, [held, after])
    })
  })
}
