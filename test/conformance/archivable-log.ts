import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { lowestPositionAt, type Position } from "../../src/domain/position.ts"
import type { ArchivableLog, Archive, Partition } from "../../src/outbox/archive-ports.ts"
import { collectLines } from "../support/collect-lines.ts"

type Day = Pick<Partition, "name" | "from" | "to">

export interface ArchivableLogHarness {
  /** Without a day of January 2026. */
  readonly log: ArchivableLog
  addDay(day: Day): Promise<void>
  /** An event that asks for nothing. */
  insert(position: Position): Promise<void>
  passRelay(position: Position): Promise<void>
  /** A request that no stage has seen. */
  request(position: Position): Promise<void>
  /** The request is in the read model and with the chain writer, without a result. */
  take(position: Position): Promise<void>
  /** It is final in both. */
  finish(position: Position): Promise<void>
  /** Someone reads the log for long; the answer lets go. */
  hold(): Promise<() => Promise<void>>
  close(): Promise<void>
}

const dayOf = (name: string, startMs: number): Day => ({
  name,
  from: lowestPositionAt(startMs),
  to: lowestPositionAt(startMs + 86_400_000),
})
const first = dayOf("outbox_20260130", Date.UTC(2026, 0, 30))
const day = dayOf("outbox_20260131", Date.UTC(2026, 0, 31))
const positions = [day.from, day.from + 1024n, day.to - 1n]

const archiveWith = (rows: number): Archive => ({
  partition: day.name,
  from: day.from,
  to: day.to,
  file: `${day.name}.jsonl.zst`,
  rows,
  bytes: 700,
  sha256: "ab".repeat(32),
})

async function* stream(lines: readonly string[], failure?: Error): AsyncGenerator<readonly string[]> {
  for (const line of lines) yield [line]
  if (failure) throw failure
}

/** The promises of the port ArchivableLog, kept by every implementation. */
export function archivableLogConformance(name: string, open: () => Promise<ArchivableLogHarness>): void {
  describe(`archivable log: ${name}`, () => {
    let harness: ArchivableLogHarness
    let log: ArchivableLog
    beforeEach(async () => {
      harness = await open()
      log = harness.log
      await harness.addDay(day)
    })
    afterEach(() => harness.close())

    const january = async () =>
      (await log.partitions()).filter(({ name }) => name.startsWith("outbox_202601"))
    const lines = () => collectLines(log.lines(day.name))

    /** In no order of theirs. */
    async function fill(): Promise<void> {
      for (const position of positions.toReversed()) await harness.insert(position)
    }

    /** The day is dropped; its lines. */
    async function dropDay(): Promise<readonly string[]> {
      await fill()
      const before = await lines()
      await log.record(archiveWith(3))
      await log.detach(day.name)
      expect(await log.drop(archiveWith(3))).toBe("dropped")
      return before
    }

    test("lists its days oldest first, and gives a day's events in order", async () => {
      await harness.addDay(first)
      await fill()
      const whole = { attached: true, restored: false, bytes: expect.any(Number) }
      expect(await january()).toEqual([
        { ...first, ...whole },
        { ...day, ...whole },
      ])
      expect((await lines()).map(line => BigInt(JSON.parse(line).seq))).toEqual(positions)
      expect(await collectLines(log.lines(first.name))).toEqual([])
    })

    test("tells who may still need a day", async () => {
      const holders = () => log.holders({ ...day, bytes: 0, attached: true, restored: false })
      const position = day.from + 1024n
      await harness.passRelay(day.to - 1n)
      expect(await holders()).toEqual(["relay"])
      await harness.passRelay(day.to)
      expect(await holders()).toEqual([])
      await harness.request(position)
      expect(await holders()).toEqual(["projector"])
      await harness.take(position)
      expect(await holders()).toEqual(["chain-writer", "projector"])
      await harness.finish(position)
      expect(await holders()).toEqual([])
    })

    test("gives up a detach while someone holds the log, and is content with one that is done", async () => {
      await log.record(archiveWith(0))
      const letGo = await harness.hold()
      expect(await log.detach(day.name)).toBe("busy")
      expect(await january()).toMatchObject([{ name: day.name, attached: true }])
      await letGo()
      expect(await log.detach(day.name)).toBe("detached")
      expect(await log.detach(day.name)).toBe("detached")
      expect(await january()).toMatchObject([{ ...day, attached: false }])
    })

    test("drops a day only while it has as many events as its archive, and once", async () => {
      await fill()
      expect(await log.archiveOf(day.name)).toBeNull()
      await log.record(archiveWith(2))
      expect(await log.archiveOf(day.name)).toEqual(archiveWith(2))
      await log.detach(day.name)
      expect(await log.drop(archiveWith(2))).toBe("changed")
      expect(await lines()).toHaveLength(3)
      await log.record(archiveWith(3))
      expect(await log.archiveOf(day.name)).toEqual(archiveWith(3))
      expect(await log.drop(archiveWith(3))).toBe("dropped")
      expect(await log.drop(archiveWith(3))).toBe("dropped")
      expect(await january()).toEqual([])
    })

    test("restores a day as it was, and not over one that is there", async () => {
      const before = await dropDay()
      const letGo = await harness.hold()
      expect(await log.restore(archiveWith(3), stream(before))).toBe("busy")
      expect(await january()).toEqual([])
      await letGo()
      expect(await log.restore(archiveWith(3), stream(before))).toBe("restored")
      expect(await january()).toMatchObject([{ ...day, attached: true, restored: true }])
      expect(await lines()).toEqual(before)
      await expect(log.restore(archiveWith(3), stream(before))).rejects.toThrow(/in the log already/)
    })

    test("restores nothing of an archive that breaks off or lacks an event", async () => {
      const before = await dropDay()
      const broken = stream(before.slice(0, 2), new Error("disk gone"))
      await expect(log.restore(archiveWith(3), broken)).rejects.toThrow("disk gone")
      await expect(log.restore(archiveWith(3), stream(before.slice(0, 2)))).rejects.toThrow(/gave 2 events/)
      expect(await january()).toEqual([])
    })
  })
}
