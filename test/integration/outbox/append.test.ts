import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"

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
        await expect(tx.savepoint(inner => inner`select from reconciler.outbox`)).rejects.toThrow(
          /permission/,
        )
      })
    } finally {
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`)
    }
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

  test("append_serialised takes no lock of the subject", async () => {
    await database.sql.begin(async tx => {
      await tx`select * from reconciler.append_serialised('unblock-ip.requested', ${subject}, '{}')`
      const locks = await tx`select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`
      expect(locks).toHaveLength(0)
    })
  })
})
