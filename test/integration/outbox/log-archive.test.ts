import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { zstdDecompressSync } from "node:zlib"
import { beforeEach, describe, expect, test } from "vitest"
import { createArchiveFiles } from "../../../src/adapters/files/archive-files.ts"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { createArchivableLog } from "../../../src/adapters/postgres/log-archive/archivable-log.ts"
import { readGroupsBehind } from "../../../src/adapters/postgres/log-archive/groups-behind.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import { createPartitionArchiver, type PartitionArchiver } from "../../../src/outbox/archive-partition.ts"
import type { ArchivableLog, ArchiveFiles, GroupEnd, Partition } from "../../../src/outbox/archive-ports.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, event } from "../../support/event-builders.ts"
import { writeToLog } from "../../support/read-log.ts"

const DAY_MS = 86_400_000
/** 2026-01-31. */
const DAY = "outbox_20260131"
const startMs = Date.UTC(2026, 0, 31)
const [from, to] = [lowestPositionAt(startMs), lowestPositionAt(startMs + DAY_MS)]
const { signal } = new AbortController()

describe("archiving a day of the log", () => {
  let database: TestDatabase
  let sql: Sql
  let log: ArchivableLog
  let files: ArchiveFiles
  let directory: string
  let ends: GroupEnd[]
  let archiver: PartitionArchiver
  beforeEach(async () => {
    database = await createTestDatabase()
    sql = database.sql
    directory = mkdtempSync(join(tmpdir(), "caregrid-archive-"))
    log = createArchivableLog(sql)
    files = createArchiveFiles(directory)
    ends = []
    const consumers = {
      ends: async () => ends,
      behind: (mark: readonly GroupEnd[]) => readGroupsBehind(sql, mark),
    }
    archiver = createPartitionArchiver({ log, files, consumers, clock: systemClock })
    await sql.unsafe(
      `create table reconciler.${DAY} partition of reconciler.outbox for values from (${from}) to (${to})`,
    )
    return async () => {
      rmSync(directory, { recursive: true })
      await database.drop()
    }
  })

  /** Results, which need no row of the read model; payloads with what JSON numbers cannot keep in JavaScript. */
  async function fill(rows: number): Promise<void> {
    await sql`
      insert into reconciler.outbox (seq, type, subject, payload, traceparent, causation_id, backfill)
      select ${from} + i * 1024, 'block-ip.confirmed', sha256(int4send(i)),
        ('{"big": 12345678901234567890.123, "text": "Zoë\\n💉 ' || i || '"}')::jsonb,
        case when i % 2 = 0 then '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' end,
        case when i % 3 = 0 then gen_random_uuid() end, i % 5 = 0
      from generate_series(1, ${rows}::int) i`
  }

  async function passRelay(position = to): Promise<void> {
    await sql`
      insert into reconciler.relay_cursor (name, position) values ('relay', ${position})
      on conflict (name) do update set position = excluded.position`
  }

  async function day(): Promise<Partition> {
    const found = (await log.partitions()).find(partition => partition.name === DAY)
    if (!found) throw new Error("the day is gone")
    return found
  }

  const archive = async () => archiver.archive(await day(), signal)
  const contents = () => sql`select * from reconciler.outbox where seq < ${to} order by seq`

  test("writes a file that holds every byte, drops the partition, and restores it as it was", async () => {
    await fill(4_500)
    await passRelay()
    const before = await contents()
    const result = await archive()
    if (result.outcome !== "archived") throw new Error(result.outcome)
    const { file, rows, sha256, bytes } = result.archive
    expect(rows).toBe(4_500)
    expect(await contents()).toHaveLength(0)
    expect((await sql`select to_regclass(${`reconciler.${DAY}`}) as found`)[0]).toEqual({ found: null })
    const compressed = readFileSync(join(directory, file))
    expect(compressed.length).toBe(bytes)
    expect(createHash("sha256").update(compressed).digest("hex")).toBe(sha256)
    expect(readFileSync(join(directory, `${file}.sha256`), "utf8")).toBe(`${sha256}  ${file}\n`)
    expect(zstdDecompressSync(compressed).toString().split("\n")).toHaveLength(4_502)
    const [recorded] =
      await sql`select rows::int, sha256, dropped_at is not null as dropped from reconciler.archives`
    expect(recorded).toEqual({ rows: 4_500, sha256, dropped: true })

    expect(await log.restore(await files.inspect(file), files.lines(file))).toBe("restored")
    expect(await contents()).toEqual(before)
    expect((await day()).restored).toBe(true)
    await expect(log.restore(await files.inspect(file), files.lines(file))).rejects.toThrow(
      /in the log already/,
    )
    expect((await archive()).outcome).toBe("archived")
  })

  describe("keeps it while somebody may need it", () => {
    const by = async () => {
      const result = await archive()
      return result.outcome === "held" ? result.by : result.outcome
    }

    test("the relay has not passed it", async () => {
      expect(await by()).toEqual(["relay"])
      await passRelay(to - 1n)
      expect(await by()).toEqual(["relay"])
      await passRelay()
      expect(await by()).toBe("archived")
    })

    test("a request in it has no result yet, or never reached the read model", async () => {
      await passRelay()
      const request = { ...event("unblock-ip.requested", anySubject()), position: from + 1024n }
      await writeToLog(sql, request)
      expect(await by()).toEqual(["projector"])
      const { position, eventId } = request
      await sql`
        insert into reconciler.operation_views (position, subject, event_id, requested_at)
        values (${position}, ${Buffer.alloc(32)}, ${eventId}, now())`
      await sql`
        insert into reconciler.chain_operations (event_id, position, type, kind, subject, word)
        values (${eventId}, ${position}, 'ip-block', 'unblock-ip', ${Buffer.alloc(32)}, ${Buffer.alloc(32)})`
      expect(await by()).toEqual(["chain-writer", "projector"])
      await sql`update reconciler.operation_views set result = 'confirmed'`
      for (const state of ["claimed", "included"]) {
        await sql`update reconciler.chain_operations set state = ${state}`
      }
      expect(await by()).toEqual(["chain-writer"])
      await sql`
        update reconciler.chain_operations set state = 'final', result = 'confirmed', outcome = 'Applied',
          final_at = now()`
      expect(await by()).toBe("archived")
    })

    test("a request was set aside, until that is settled", async () => {
      await passRelay()
      const request = { ...event("unblock-ip.requested", anySubject()), position: from + 1024n }
      await writeToLog(sql, request)
      await sql`
        insert into reconciler.dead_letters (source, reason, event_id, position)
        values ('relay', 'invalid-record', ${request.eventId}, ${request.position})`
      expect(await by()).toEqual(["dead-letters"])
      await sql`
        update reconciler.dead_letters set state = 'discarded', discarded_by = 'ops', discard_reason = 'test'`
      expect(await by()).toBe("archived")
    })

    test("a group has not handled all that was published when its last result was in", async () => {
      await passRelay()
      const store = (offset: number) => sql`
        insert into reconciler.consumer_offsets values ('g', 't', 0, ${offset})
        on conflict (consumer_group, topic, partition) do update set next_offset = excluded.next_offset`
      ends = [
        { groupId: "g", topic: "t", partition: 0, offset: 7n },
        { groupId: "not-in-use", topic: "t", partition: 0, offset: 7n },
      ]
      await store(6)
      expect(await by()).toEqual(["consumers"])
      // What comes later does not concern this day.
      ends = [{ groupId: "g", topic: "t", partition: 0, offset: 900n }]
      await store(7)
      expect(await by()).toBe("archived")
    })
  })

  describe("goes on where it was interrupted", () => {
    beforeEach(() => passRelay())

    test("after the file, and writes another when that one is damaged", async () => {
      await fill(10)
      const first = await files.write(await day(), log.lines(DAY))
      await log.record(first)
      writeFileSync(join(directory, first.file), "not zstd at all")
      expect((await archive()).outcome).toBe("archived")
      expect((await files.inspect(first.file)).rows).toBe(10)
    })

    test("after the detach", async () => {
      await fill(10)
      await log.record(await files.write(await day(), log.lines(DAY)))
      expect(await log.detach(DAY)).toBe("detached")
      expect(await day()).toMatchObject({ name: DAY, attached: false })
      expect((await archive()).outcome).toBe("archived")
      expect(await log.partitions()).not.toContainEqual(expect.objectContaining({ name: DAY }))
    })

    test("and archives again what came into the partition after its file", async () => {
      await fill(10)
      await log.record(await files.write(await day(), log.lines(DAY)))
      await writeToLog(sql, { ...event("block-ip.confirmed", anySubject()), position: to - 1n })
      const result = await archive()
      expect(result.outcome === "archived" && result.archive.rows).toBe(11)
    })

    test("also when two do it at once", async () => {
      await fill(100)
      const partition = await day()
      const both = [archiver.archive(partition, signal), archiver.archive(partition, signal)]
      const results = await Promise.allSettled(both)
      // The slower one may find the table gone under its hands; its next pass finds nothing to do.
      expect(results).toContainEqual({
        status: "fulfilled",
        value: expect.objectContaining({ outcome: "archived" }),
      })
      const recorded = await log.archiveOf(DAY)
      expect((await files.inspect(recorded?.file ?? "")).rows).toBe(100)
      expect(await contents()).toHaveLength(0)
    })
  })

  test("a damaged or foreign file is refused, and nothing is restored", async () => {
    await fill(10)
    await passRelay()
    const result = await archive()
    if (result.outcome !== "archived") throw new Error(result.outcome)
    const path = join(directory, result.archive.file)
    const whole = readFileSync(path)
    const cut = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(missing => whole.subarray(0, whole.length - missing))
    const flipped = Buffer.from(whole)
    flipped.writeUInt8(flipped.readUInt8(whole.length >> 1) ^ 1, whole.length >> 1)
    for (const bytes of [...cut, flipped, Buffer.from("{}"), Buffer.alloc(0)]) {
      writeFileSync(path, bytes)
      await expect(files.inspect(result.archive.file)).rejects.toThrow(/cannot be read as an archive/)
      const restored = log.restore(result.archive, files.lines(result.archive.file))
      await expect(restored).rejects.toThrow(/cannot be read as an archive/)
      expect(await contents()).toHaveLength(0)
    }
    writeFileSync(path, whole)
    writeFileSync(`${path}.sha256`, `${"0".repeat(64)}  ${result.archive.file}\n`)
    await expect(files.inspect(result.archive.file)).rejects.toThrow(/cannot be read as an archive/)
    rmSync(`${path}.sha256`)
    expect((await files.inspect(result.archive.file)).rows).toBe(10)
    await expect(files.inspect("none.jsonl.zst")).rejects.toThrow(/cannot be read/)
  })

  test("forgets the idempotency keys of what it drops, and no others", async () => {
    await passRelay()
    await sql`
      insert into reconciler.idempotency_keys (key_hash, request_hash, outcome, seq, event_id, answered_at)
      values ('\\x01', '\\x', 'appended', ${from + 1n}, gen_random_uuid(), now()),
        ('\\x02', '\\x', 'appended', ${to}, gen_random_uuid(), now()),
        ('\\x03', '\\x', 'manual-block-stands', null, null, ${new Date(startMs)}),
        ('\\x04', '\\x', 'manual-block-stands', null, null, ${new Date(startMs + DAY_MS)})`
    expect((await archive()).outcome).toBe("archived")
    const left = await sql`select encode(key_hash, 'hex') as key from reconciler.idempotency_keys order by 1`
    expect(left.map(row => row.key)).toEqual(["02", "04"])
  })
})
