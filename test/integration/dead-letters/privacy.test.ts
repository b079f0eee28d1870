import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { insertMalformed } from "../../../src/adapters/postgres/dead-letters/insert.ts"
import { parseBatch } from "../../../src/bus/consume.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"

describe("a dead letter", () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(() => database.drop())

  it("holds nothing of the message but well-formed ids, whatever the message says", async () => {
    const secret = "Jane Roe 192.0.2.7"
    const message = {
      topic: "topic",
      partition: 0,
      offset: 1n,
      key: secret,
      value: JSON.stringify({ [secret]: secret, severity: secret }),
      headers: {
        ce_id: secret,
        ce_type: `caregrid.${secret}\0`,
        ce_subject: secret,
        ce_position: "99999999999999999999",
        ce_source: secret,
      },
    }
    const good = "0b0e7a3e-31b5-4f62-94b8-5a2f0d6f3c11"
    const second = {
      ...message,
      offset: 2n,
      headers: {
        ...message.headers,
        ce_specversion: "1.0",
        ce_id: good,
        ce_type: "caregrid.add-attack-signature.requested",
        ce_subject: `0x${"ab".repeat(32)}`,
        ce_time: new Date(0).toISOString(),
        ce_position: "1024",
      },
    }
    const batch = {
      topic: "topic",
      partition: 0,
      fetchOffset: 1n,
      nextOffset: 3n,
      lowOffset: 0n,
      endOffset: null,
    }
    const { malformed } = parseBatch({ ...batch, messages: [message, second] }, "group", null)
    await database.sql.begin(tx => insertMalformed(tx, "intake", malformed))
    const rows = await database.sql<{ letter: Record<string, unknown> }[]>`
      select to_jsonb(d) as letter from reconciler.dead_letters d order by id`
    expect(JSON.stringify(rows)).not.toContain("Jane")
    expect(rows.map(({ letter }) => [letter.reason, letter.event_id, letter.type])).toEqual([
      ["bad-headers", null, null],
      ["bad-payload", good, "add-attack-signature.requested"],
    ])
  })
})
