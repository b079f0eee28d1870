import { execFile, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { promisify } from "node:util"
import { afterEach, describe, expect, test } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { setWriterId } from "../../../src/adapters/postgres/event-log/set-writer-id.ts"
import { migrate } from "../../../src/adapters/postgres/migrate.ts"
import { positionWriterId } from "../../../src/domain/position.ts"
import { testedBinaries } from "../../support/postgres-binaries.ts"
import { createPostgresCluster, type PostgresCluster } from "../../support/postgres-cluster.ts"
import { until } from "../../support/until.ts"
import { insertEvent } from "./insert-event.ts"

const run = promisify(execFile)
const CRASHES = Number(process.env.TEST_CRASHES ?? 3)
const WRITERS = 4

async function withDatabase<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = openDatabase({ url, max: WRITERS + 1, applicationName: "test-crash" })
  try {
    return await work(sql)
  } finally {
    await closeDatabase(sql)
  }
}

const highest = (positions: readonly bigint[]) =>
  positions.reduce((high, next) => (next > high ? next : high), 0n)

/**
 * Writers that do not wait for the disk; what they got until the server died under them. Single statements: the driver
 * throws where nobody can catch it when it has a rollback to send over a connection that has just died.
 */
function writeUntilCrash(sql: Sql): { readonly given: bigint[]; readonly ended: Promise<unknown> } {
  const given: bigint[] = []
  const writer = async () => {
    await sql`select set_config('synchronous_commit', 'off', false)`
    for (;;) given.push(await insertEvent(sql))
  }
  return { given, ended: Promise.allSettled(Array.from({ length: WRITERS }, writer)) }
}

describe("positions", () => {
  const clusters: PostgresCluster[] = []
  async function newCluster(binaries = testedBinaries()): Promise<PostgresCluster> {
    const cluster = await createPostgresCluster(binaries)
    clusters.push(cluster)
    await cluster.start()
    await withDatabase(cluster.url, async sql => {
      await migrate(sql)
      await setWriterId(sql, 9)
    })
    return cluster
  }
  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.remove()
  })

  test(`after ${CRASHES} kills of the server are above every one that was ever given, also to lost commits`, async () => {
    const cluster = await newCluster()
    let before = 0n
    for (let crash = 0; crash < CRASHES; crash += 1) {
      const first = await withDatabase(cluster.url, insertEvent)
      expect(first).toBeGreaterThan(before)
      expect(positionWriterId(first)).toBe(9)
      await withDatabase(cluster.url, async sql => {
        const { given, ended } = writeUntilCrash(sql)
        await until(
          () => given.length,
          length => length >= 500,
        )
        await cluster.crash()
        await ended
        before = highest(given)
      })
      await cluster.start()
    }
    expect(await withDatabase(cluster.url, insertEvent)).toBeGreaterThan(before)
  })

  test("of an older copy of the files, started again, are above all that the lost server gave", async () => {
    const cluster = await newCluster()
    await withDatabase(cluster.url, insertEvent)
    await cluster.crash()
    const backup = cluster.copy()
    clusters.push(backup)
    await cluster.start()
    const published = await withDatabase(cluster.url, async sql => {
      const positions: bigint[] = []
      for (let count = 0; count < 200; count += 1) positions.push(await insertEvent(sql))
      return highest(positions)
    })
    await cluster.crash()
    await backup.start()
    const next = await withDatabase(backup.url, insertEvent)
    expect(next).toBeGreaterThan(published)
    expect(positionWriterId(next)).toBe(9)
  })

  // pg_dump refuses a server newer than itself; the one that came with it shows the same.
  const ownServer = `/usr/lib/postgresql/${pgDumpMajor()}`
  const dumped = pgDumpMajor() >= testedMajor() ? testedBinaries() : ownServer
  test.skipIf(!existsSync(`${dumped}/bin/initdb`))(
    "of a restored dump are above all that the dumped database gave later",
    async () => {
      const [source, target] = [await newCluster(dumped), await createPostgresCluster(dumped)]
      clusters.push(target)
      await target.start()
      await withDatabase(source.url, insertEvent)
      // Roles belong to the server: those that the grants name need not be on the new one.
      const { stdout } = await run("pg_dump", ["--no-privileges", source.url], { maxBuffer: 2 ** 28 })
      const published = await withDatabase(source.url, insertEvent)
      const restored = spawnSync("psql", [target.url, "--quiet", "--set=ON_ERROR_STOP=1"], { input: stdout })
      expect(restored.stderr.toString()).toBe("")
      const next = await withDatabase(target.url, insertEvent)
      expect(next).toBeGreaterThan(published)
      expect(positionWriterId(next)).toBe(9)
    },
  )
})

/** 0 where there is none. */
function pgDumpMajor(): number {
  const { stdout } = spawnSync("pg_dump", ["--version"], { encoding: "utf8" })
  return Number(/ ([0-9]+)\./.exec(stdout ?? "")?.[1] ?? 0)
}

function testedMajor(): number {
  const { stdout } = spawnSync(`${testedBinaries()}/bin/postgres`, ["--version"], { encoding: "utf8" })
  return Number(/ ([0-9]+)[.a-z]/.exec(stdout)?.[1])
}
