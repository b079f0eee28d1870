import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { lowestPositionAt } from "../../src/domain/position.ts"
import type { ArchiveFiles } from "../../src/outbox/archive-ports.ts"
import { OperatorError } from "../../src/runtime/errors.ts"
import { collectLines } from "../support/collect-lines.ts"

export interface ArchiveFilesHarness {
  readonly files: ArchiveFiles
  /** All that is kept, whole or not, but for hashes beside the archives. */
  names(): Promise<readonly string[]>
  /** Takes the last bytes away, as a full disk or a copy that broke off may. */
  cut(file: string, bytes: number): Promise<void>
  /** Something that is no archive, under this name. */
  putForeign(file: string): Promise<void>
  close(): Promise<void>
}

const day = {
  name: "outbox_20260131",
  from: lowestPositionAt(Date.UTC(2026, 0, 31)),
  to: lowestPositionAt(Date.UTC(2026, 1, 1)),
}
const lines = ['{"seq":"1","text":"Zoë\\n💉"}', '{"seq":"2","big":12345678901234567890.123}', '{"seq":"3"}']

async function* chunks(...given: readonly (readonly string[])[]): AsyncGenerator<readonly string[]> {
  yield* given
}

/** The promises of the port ArchiveFiles, kept by every implementation. */
export function archiveFilesConformance(name: string, open: () => Promise<ArchiveFilesHarness>): void {
  describe(`archive files: ${name}`, () => {
    let harness: ArchiveFilesHarness
    let files: ArchiveFiles
    beforeEach(async () => {
      harness = await open()
      files = harness.files
    })
    afterEach(() => harness.close())

    const write = (...given: readonly (readonly string[])[]) => files.write(day, chunks(...given))
    const read = (file: string) => collectLines(files.lines(file))

    test("gives back every line in order, however they came in chunks", async () => {
      const archive = await write(lines.slice(0, 2), [], lines.slice(2))
      expect(archive).toMatchObject({ partition: day.name, from: day.from, to: day.to, rows: 3 })
      expect(archive.sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(await files.inspect(archive.file)).toEqual(archive)
      expect(await read(archive.file)).toEqual(lines)
    })

    test("keeps a day without events", async () => {
      const archive = await write()
      expect(archive.rows).toBe(0)
      expect(await files.inspect(archive.file)).toEqual(archive)
      expect(await read(archive.file)).toEqual([])
    })

    test("a name never changes its content: other events of the day get another", async () => {
      const first = await write(lines.slice(0, 2))
      const second = await write(lines)
      expect(second.file).not.toBe(first.file)
      expect(await write(lines.slice(0, 2))).toEqual(first)
      expect(await read(first.file)).toEqual(lines.slice(0, 2))
      expect([...(await harness.names())].sort()).toEqual([first.file, second.file].sort())
    })

    test("keeps nothing of a log that broke off", async () => {
      async function* broken(): AsyncGenerator<readonly string[]> {
        yield lines
        throw new Error("connection lost")
      }
      await expect(files.write(day, broken())).rejects.toThrow("connection lost")
      expect(await harness.names()).toEqual([])
    })

    test("refuses a file that is missing, damaged or none of ours", async () => {
      const { file, bytes } = await write(lines)
      await harness.cut(file, bytes >> 1)
      await expect(files.inspect(file)).rejects.toThrow(OperatorError)
      await expect(read(file)).rejects.toThrow(OperatorError)
      await harness.putForeign("foreign.jsonl.zst")
      await expect(files.inspect("foreign.jsonl.zst")).rejects.toThrow(OperatorError)
      await expect(files.inspect("none.jsonl.zst")).rejects.toThrow(OperatorError)
    })

    test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])(
      "misses %i bytes at the end, also where it reads the lines",
      async missing => {
        const { file } = await write(lines)
        await harness.cut(file, missing)
        await expect(files.inspect(file)).rejects.toThrow(OperatorError)
        await expect(read(file)).rejects.toThrow(OperatorError)
      },
    )
  })
}
