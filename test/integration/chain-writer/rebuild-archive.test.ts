import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest"
import { type KeyHolder, keyFromHex } from "../../../src/adapters/ethereum/keys.ts"
import { createRegistry } from "../../../src/adapters/ethereum/registry.ts"
import { createArchiveFiles } from "../../../src/adapters/files/archive-files.ts"
import { createDeployments } from "../../../src/adapters/postgres/chain-writer/deployments.ts"
import { createArchivableLog } from "../../../src/adapters/postgres/log-archive/archivable-log.ts"
import { readHistory } from "../../../src/adapters/postgres/log-archive/read-history.ts"
import type { Contracts } from "../../../src/chain-writer/deployment-ports.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import { decodeWord, FLAG } from "../../../src/domain/word.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { anySubject, event } from "../../support/event-builders.ts"
import { request } from "../../support/random-history.ts"
import { writeToLog } from "../../support/read-log.ts"
import { contractsIn, ended, type Ran, rebuildCommand } from "../../support/rebuild-command.ts"

const DAY = "outbox_20260131"
const [from, to] = [lowestPositionAt(Date.UTC(2026, 0, 31)), lowestPositionAt(Date.UTC(2026, 1, 1))]

/** A log whose oldest day is in a file only, or nowhere. */
describe("deploy --rebuild over a log with an archived day", { timeout: 180_000 }, () => {
  const subjects = [anySubject(), anySubject(), anySubject(), anySubject()] as const
  const [archivedOnly, blockedLater, unblockedLater, today] = subjects
  let bench: ChainWriterBench
  let laneKey: KeyHolder
  let command: ReturnType<typeof rebuildCommand>
  let directory: string
  let old: readonly bigint[]

  beforeEach(async () => {
    bench = await openChainWriterBench()
    directory = mkdtempSync(join(tmpdir(), "rebuild-archive-"))
    const lane = await bench.chain.newWriterKey()
    laneKey = keyFromHex(lane)
    command = rebuildCommand({ lane, admin: await bench.chain.newWriterKey() })
    const { genesisHash } = bench.chain.connection
    await createDeployments(bench.database.sql).adopt({ genesisHash, contracts: bench.chain.addresses })
    await writeHistory()
    old = await words(bench.chain.addresses)
  })
  afterEach(async () => {
    command.remove()
    rmSync(directory, { recursive: true, force: true })
    await bench.close()
  })

  /** Requests of the old day, confirmed today, and what came after them. */
  async function writeHistory(): Promise<void> {
    const { sql } = bench.database
    await sql.unsafe(
      `create table reconciler.${DAY} partition of reconciler.outbox for values from (${from}) to (${to})`,
    )
    const manual = { manual: true }
    const blocks = [archivedOnly, blockedLater, unblockedLater].map((subject, index) => ({
      ...event("block-ip.requested", subject, manual),
      position: from + BigInt(index) * 1024n,
    }))
    for (const each of blocks) await writeToLog(sql, each)
    const writer = bench.newWriter(laneKey)
    await request(bench, [])
    await bench.finish(writer)
    await request(bench, [
      { type: "block-ip.requested", subject: today, payload: manual },
      { type: "block-ip.requested", subject: blockedLater, payload: manual },
      { type: "unblock-ip.requested", subject: unblockedLater, payload: {} },
    ])
    await bench.finish(writer)
    await writer.release()
  }

  function words(contracts: Contracts): Promise<readonly bigint[]> {
    return createRegistry(bench.chain.connection, "ip-block", contracts["ip-block"]).words(subjects)
  }

  function rebuild(settings: Readonly<Record<string, string>>): Promise<Ran> {
    const { url } = bench.database
    const blockchainProviderUrl = inject("blockchainProviderUrl")
    return ended(
      command.start({ DATABASE_URL: url, BLOCKCHAIN_PROVIDER_URL: blockchainProviderUrl, ...settings }),
    )
  }

  /** The day into its file, and out of the log. */
  async function archive(): Promise<void> {
    const log = createArchivableLog(bench.database.sql)
    const archived = await createArchiveFiles(directory).write({ name: DAY, from, to }, log.lines(DAY))
    await log.record(archived)
    expect(await log.detach(DAY)).toBe("detached")
    expect(await log.drop(archived)).toBe("dropped")
  }

  async function isPlanned(): Promise<boolean | undefined> {
    return (await createDeployments(bench.database.sql).current()).rebuild?.planned
  }

  it("reads the day from its file, and refuses to go on without it (78, 69)", async () => {
    await archive()
    for (const [settings, exitCode, told] of [
      [{}, 78, "set LOG_ARCHIVE_DIRECTORY"],
      [{ LOG_ARCHIVE_DIRECTORY: join(directory, "elsewhere") }, 69, DAY],
    ] as const) {
      const refused = await rebuild(settings)
      expect(refused.code, refused.stderr).toBe(exitCode)
      expect(refused.stderr).toContain(told)
      expect(await isPlanned()).toBe(false)
    }
    const { code, stdout, stderr } = await rebuild({ LOG_ARCHIVE_DIRECTORY: directory })
    expect(code, stderr).toBe(0)
    expect(stderr).toContain("4 equal, 0 blocks over meanwhile, 0 other branches', 0 different")
    const rebuilt = await words(contractsIn(stdout))
    expect(rebuilt).toEqual(old)
    const blocked = FLAG.exists | FLAG.active | FLAG.manual
    expect(rebuilt.map(word => decodeWord(word).flags)).toEqual([blocked, blocked, FLAG.exists, blocked])
    expect(decodeWord(rebuilt[0] ?? 0n).version).toBe(from)
  })

  it("refuses a log that a day was taken out of without an archive (78)", async () => {
    await bench.database.sql.unsafe(`drop table reconciler.${DAY}`)
    const { code, stderr } = await rebuild({ LOG_ARCHIVE_DIRECTORY: directory })
    expect(code, stderr).toBe(78)
    expect(stderr).toContain("Part of the log is missing")
    expect(await isPlanned()).toBe(false)
  })

  it("does not trust what it read when a day was archived meanwhile (75)", async () => {
    const history = readHistory(bench.database.sql, createArchiveFiles(directory))
    const first = await history.next()
    expect(first.value).not.toHaveLength(0)
    await archive()
    await expect(history.next()).rejects.toMatchObject({ exitCode: 75 })
  })
})
