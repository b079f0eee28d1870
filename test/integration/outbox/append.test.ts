import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { AnySql } from "../../../src/adapters/postgres/client.ts"
import { readEvents } from "../../../src/adapters/postgres/relay/statements.ts"
import { toMessage } from "../../../src/bus/envelope.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { until } from "../../support/until.ts"

const subject = Buffer.alloc(32, 0xab)
const subjectText = `0x${"ab".repeat(32)}`

describe("the SQL append", () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(() => database.drop())

  test("takes the subject as bytes or as text, and says what it wrote", async () => {
    const { sql } = database
    for (const given of [subject, subjectText]) {
      const [row] = await sql`select * from reconciler.append('register-patient.requested', ${given}, '{}')`
      const [written] = await sql`select * from reconciler.outbox where seq = ${row!.seq}`
      expect(row).toEqual({ outcome: "appended", seq: written!.seq, event_id: written!.event_id })
      expect(written).toMatchObject({ type: "register-patient.requested", subject, payload: {} })
    }
  })

  test("can be called by name, with a trace and a cause", async () => {
    const { sql } = database
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    const causation = "0b2b1a9e-4f4c-4d0c-9a56-3a4dfe1b8f10"
    const [row] = await sql`
      select * from reconciler.append(
        type => 'add-attack-signature.requested', subject => ${subjectText}::text, payload => '{"severity": 7}',
        traceparent => ${traceparent}, causation_id => ${causation})`
    const [written] = await sql`select * from reconciler.outbox where seq = ${row!.seq}`
    expect(written).toMatchObject({ traceparent, causation_id: causation, payload: { severity: 7 } })
  })

  test("refuses with a code of its own and every fault in message and detail", async () => {
    const refused = database.sql`
      select * from reconciler.append('block-ip.requested', '0x12', '{"manual": false, "expiresAt": 0}', 'x')`
    await expect(refused).rejects.toMatchObject({
      code: "RC001",
      message: expect.stringContaining("payload.expiresAt: must be an integer from 1 to 1099511627775"),
      detail: expect.stringMatching(/^subject: .*\npayload\.expiresAt: .*\ntraceparent: .*$/),
    })
  })

  test("never repeats what was given in its error", async () => {
    const secret = "Jane-Doe-1970"
    const json = JSON.stringify({ manual: false, expiresAt: secret, [secret]: secret })
    const refused = await database.sql`
      select * from reconciler.append(${secret}, ${secret}::text, ${json}::text::jsonb, ${secret})`.catch(
      error => error,
    )
    expect(`${refused.message} ${refused.detail} ${refused.hint}`).not.toContain(secret)
  })

  test("refuses what is missing and what is too large", async () => {
    const { sql } = database
    const large = JSON.stringify({ note: "x".repeat(8_192) })
    await expect(sql`select * from reconciler.append(null, null::bytea, null)`).rejects.toMatchObject({
      detail: expect.stringMatching(/^type: .*\nsubject: .*\npayload: must be of type object$/),
    })
    await expect(
      sql`select * from reconciler.append('unblock-ip.requested', ${subject}, ${large}::text::jsonb)`,
    ).rejects.toMatchObject({ detail: "payload: must be at most 8192 bytes" })
  })

  test("leaves the caller's savepoint to decide what a refusal undoes", async () => {
    const { sql } = database
    await sql`create table domain_row (id int)`
    await sql.begin(async tx => {
      await tx`insert into domain_row values (1)`
      await tx
        .savepoint(inner => inner`select * from reconciler.append('nonsense', ${subject}, '{}')`)
        .catch(() => {})
      await tx`select * from reconciler.append('unblock-ip.requested', ${subject}, '{}')`
    })
    expect(await sql`select from domain_row`).toHaveLength(1)
  })

  test("works for a role that has no rights on our tables", async () => {
    const { sql } = database
    const role = `app_${database.url.slice(-16)}`
    await sql.unsafe(`create role ${role}; grant usage on schema reconciler to ${role}`)
    try {
      await sql.begin(async tx => {
        await tx.unsafe(`set local role ${role}`)
        const [row] =
          await tx`select outcome from reconciler.append('unblock-ip.requested', ${subject}, '{}')`
        expect(row).toEqual({ outcome: "appended" })
        await tx`select from reconciler.append_once('by-app', 'unblock-ip.requested', ${subject}, '{}')`
        await tx`select from reconciler.append_many(jsonb_build_array(jsonb_build_object(
          'type', 'unblock-ip.requested', 'subject', ${subjectText}::text, 'payload', '{}'::jsonb)))`
        await tx`select reconciler.link_row(${subject}, 'core_patient', 1, 1)`
        await expect(tx.savepoint(inner => inner`select from reconciler.outbox`)).rejects.toThrow(
          /permission/,
        )
      })
    } finally {
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`)
    }
  })

  test("takes the mark of backfill in each of its forms, by name, to what is sent to Kafka", async () => {
    const database = await createTestDatabase({ max: 1 })
    const { sql } = database
    try {
      const type = "unblock-ip.requested"
      await sql`select from reconciler.append(${type}, ${subject}, '{}', backfill => true)`
      await sql`select from reconciler.append(type => ${type}, subject => ${subjectText}::text, payload => '{}',
        backfill => true)`
      await sql`select from reconciler.append_once('key', ${type}, ${subjectText}::text, '{}', backfill => true)`
      await sql`select from reconciler.append_serialised(${type}, ${subject}, '{}', backfill => null)`
      const many = [true, false].map(backfill => ({ type, subject: subjectText, payload: {}, backfill }))
      await sql`select from reconciler.append_many(${JSON.stringify(many)}::text::jsonb)`
      const events = await readEvents(sql, 0n, 2n ** 63n - 1n, 9)
      const marks = events.map(logged => toMessage(logged, "topic").headers.ce_backfill)
      expect(marks).toEqual(["true", "true", "true", undefined, "true", undefined])
    } finally {
      await database.drop()
    }
  })

  test("append_many refuses a mark that is neither true nor false", async () => {
    const request = { type: "unblock-ip.requested", subject: subjectText, payload: {}, backfill: "true" }
    const refused = database.sql`
      select from reconciler.append_many(${JSON.stringify([request])}::text::jsonb)`
    await expect(refused).rejects.toMatchObject({ detail: "0.backfill: must be of type boolean" })
  })

  test("append_internal writes a fact of this system with its cause", async () => {
    const { sql } = database
    const causation = "0b2b1a9e-4f4c-4d0c-9a56-3a4dfe1b8f10"
    const [row] = await sql`
      select * from reconciler.append_internal('ip-block.removed', ${subject}, '{"rows": 1}', ${causation}, null)`
    const [written] = await sql`select * from reconciler.outbox where seq = ${row!.seq}`
    expect(written).toMatchObject({
      event_id: row!.event_id,
      occurred_at: row!.occurred_at,
      type: "ip-block.removed",
      causation_id: causation,
      payload: { rows: 1 },
    })
  })

  test("append_once gives the first answer, and is refused its key for anything else", async () => {
    const { sql } = database
    const once = (key: string | null, type: string) =>
      sql`select * from reconciler.append_once(${key}, ${type}, ${subjectText}::text, '{}')`
    const [first] = await once("import-7", "unblock-ip.requested")
    expect(first).toMatchObject({ outcome: "appended" })
    expect(await once("import-7", "unblock-ip.requested")).toEqual([
      { ...first, outcome: "already-appended" },
    ])
    await expect(once("import-7", "register-patient.requested")).rejects.toMatchObject({
      code: "RC001",
      detail: "idempotency_key: was used for another request",
    })
    for (const key of [null, "", "x".repeat(201)]) {
      await expect(once(key, "unblock-ip.requested")).rejects.toMatchObject({
        detail: "idempotency_key: must be 1 to 200 characters",
      })
    }
  })

  test("a key that another subject takes meanwhile is refused, and both end", async () => {
    const { sql } = database
    const append = (tx: AnySql, byte: string) => tx`
      select outcome from reconciler.append_once(
        'taken', 'unblock-ip.requested', ${`0x${byte.repeat(32)}`}::text, '{}')`
    let second: Promise<unknown> = Promise.resolve()
    await sql.begin(async tx => {
      await append(tx, "01")
      second = append(sql, "02").catch(error => error)
      await until(
        () => sql`select from pg_locks where not granted and locktype = 'transactionid'`,
        waiting => waiting.length > 0,
      )
    })
    expect(await second).toMatchObject({
      code: "RC001",
      detail: "idempotency_key: was used for another request",
    })
  })

  test("append_many answers one row each in the order given, with trace, cause and key carried through", async () => {
    const { sql } = database
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    const causation_id = "0b2b1a9e-4f4c-4d0c-9a56-3a4dfe1b8f10"
    const request = (byte: string) => ({
      type: "unblock-ip.requested",
      subject: `0x${byte.repeat(32)}`,
      payload: {},
    })
    const events = [
      { ...request("cc"), traceparent, causation_id, idempotency_key: "batch-1" },
      { ...request("0c"), traceparent: null },
      { ...request("cc"), idempotency_key: "batch-1" },
    ]
    const rows = await sql`select * from reconciler.append_many(${JSON.stringify(events)}::text::jsonb)`
    expect(rows.map(row => [row.ordinal, row.outcome])).toEqual([
      [0, "appended"],
      [1, "appended"],
      [2, "already-appended"],
    ])
    const [written] = await sql`select * from reconciler.outbox where seq = ${rows[0]!.seq}`
    expect(written).toMatchObject({ traceparent, causation_id, event_id: rows[0]!.event_id })
  })

  test("append_many writes none when one breaks the rules, and names each fault with its ordinal", async () => {
    const { sql } = database
    const fine = { type: "unblock-ip.requested", subject: subjectText, payload: {} }
    const many = (json: unknown) =>
      sql`select * from reconciler.append_many(${JSON.stringify(json)}::text::jsonb)`
    const [before] = await sql`select count(*) from reconciler.outbox`
    const bad = [fine, { ...fine, subject: "x", trace: 1 }, "no object", { ...fine, causation_id: "7" }]
    await expect(many(bad)).rejects.toMatchObject({
      code: "RC001",
      detail: expect.stringMatching(
        /^1\.subject: .*\n1\.has a key that is not allowed\n2\.must be an object\n3\.causation_id: must be a UUID$/,
      ),
    })
    for (const none of [{}, null, Array.from({ length: 1001 }, () => fine)]) {
      await expect(many(none)).rejects.toMatchObject({
        detail: "events: must be an array of at most 1000 requests",
      })
    }
    expect(await many([])).toHaveLength(0)
    expect((await sql`select count(*) from reconciler.outbox`)[0]).toEqual(before)
  })

  test("append_serialised takes no lock of the subject", async () => {
    await database.sql.begin(async tx => {
      await tx`select * from reconciler.append_serialised('unblock-ip.requested', ${subject}, '{}')`
      const locks = await tx`select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`
      expect(locks).toHaveLength(0)
    })
  })
})
