import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { beforeEach, describe, expect, inject, test } from "vitest"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import { EXIT } from "../../../src/runtime/errors.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { createTestTopics, kafkaClient } from "../../support/kafka.ts"

const execute = promisify(execFile)
const MAIN = join(import.meta.dirname, "../../../src/main.ts")
const DAY = "outbox_20260131"
const [from, to] = [Date.UTC(2026, 0, 31), Date.UTC(2026, 1, 1)].map(lowestPositionAt)

describe.skipIf(inject("kafkaBrokers").length === 0)("reconciler log", () => {
  let database: TestDatabase
  let directory: string
  let prefix: string
  beforeEach(async () => {
    database = await createTestDatabase()
    prefix = `log-${database.url.slice(-8)}`
    directory = mkdtempSync(join(tmpdir(), "caregrid-archive-"))
    const { sql } = database
    await sql.unsafe(
      `create table reconciler.${DAY} partition of reconciler.outbox for values from (${from}) to (${to})`,
    )
    await sql`
      insert into reconciler.outbox (seq, type, subject, payload)
      select ${from!} + i * 1024, 'block-ip.confirmed', sha256(int4send(i)), '{}' from generate_series(1, 10) i`
    return async () => {
      rmSync(directory, { recursive: true })
      await database.drop()
    }
  })

  async function run(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const env = {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      KAFKA_BROKERS: inject("kafkaBrokers").join(","),
      TOPIC_PREFIX: prefix,
      LOG_ARCHIVE_DIRECTORY: directory,
      LOG_LEVEL: "silent",
    }
    try {
      return {
        code: 0,
        ...(await execute(process.execPath, [MAIN, "log", ...argv], { env, timeout: 30_000 })),
      }
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string }
    }
  }

  test("shows who needs a day, archives it when nobody does, and restores it", async () => {
    const listed = await run("partitions")
    expect(listed.stdout).toMatch(new RegExp(`^${DAY} .+ MiB  needed by relay$`, "m"))
    const refused = await run("archive", "--older-than", "30")
    expect(refused).toMatchObject({
      code: EXIT.tryAgain,
      stderr: expect.stringContaining("is needed by relay"),
    })

    await database.sql`insert into reconciler.relay_cursor (name, position) values ('relay', ${to!})`
    const archived = await run("archive", "--older-than", "30")
    expect(archived.stdout).toMatch(
      new RegExp(`^${DAY}: 10 events in ${DAY}-[0-9a-f]{12}\\.jsonl\\.zst \\(sha256 `),
    )
    const [file = ""] = readdirSync(directory).filter(name => name.endsWith(".zst"))
    expect((await run("partitions", "--json")).stdout).not.toContain(DAY)

    expect((await run("restore", file)).stdout).toBe(`${DAY}: 10 events are in the log again\n`)
    const { partitions } = JSON.parse((await run("partitions", "--json")).stdout)
    expect(partitions[0]).toMatchObject({ name: DAY, restored: true, neededBy: [] })
    expect((await run("archive", "--older-than", "30")).stdout).toBe("")
    expect((await run("archive", "--partition", DAY)).stdout).toContain("10 events")
  })

  test("keeps a day while a consumer group has not stored that it handled what is published", async () => {
    const { sql } = database
    const topics = await createTestTopics()
    prefix = topics.results.slice(0, -".results".length)
    const publisher = kafkaClient().publisher()
    await publisher.publish([
      { topic: topics.results, key: "0x01", value: "{}", headers: {} },
      { topic: topics.results, key: "0x01", value: "{}", headers: {} },
    ])
    await publisher.close()
    await sql`insert into reconciler.relay_cursor (name, position) values ('relay', ${to!})`
    const [end] = await kafkaClient().withAdmin(async admin =>
      (await admin.bounds([topics.results])).filter(({ high }) => high > 0n),
    )
    const store = (offset: bigint) => sql`
      insert into reconciler.consumer_offsets values (${`${prefix}.projector`}, ${topics.results}, ${end!.partition}, ${offset})
      on conflict (consumer_group, topic, partition) do update set next_offset = excluded.next_offset`
    await store(1n)
    const refused = await run("archive", "--older-than", "30")
    expect(refused).toMatchObject({
      code: EXIT.tryAgain,
      stderr: expect.stringContaining("is needed by consumers"),
    })
    await store(2n)
    expect((await run("archive", "--older-than", "30")).stdout).toContain("10 events")
  })

  test("says what is missing or wrong", async () => {
    expect(await run("archive")).toMatchObject({ code: EXIT.configuration })
    expect((await run("archive", "--older-than", "x")).code).toBe(EXIT.usage)
    expect((await run("archive", "--partition", "outbox_20200101")).code).toBe(EXIT.usage)
    expect((await run("restore", "none.zst")).stderr).toContain("cannot be read as an archive")
  })
})
