import { keccak256, toUtf8Bytes } from "ethers"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { insertSubjects } from "../../../src/adapters/postgres/capture/subjects.ts"
import { withSqlState } from "../../../src/adapters/postgres/sql-state.ts"
import {
  type CapturedApp,
  createCapturedApp,
  HMAC,
  readCaptureLetters,
  send,
  withConnection,
} from "../../support/caregrid/captured-app.ts"
import {
  blockRow,
  detectorStores,
  middlewareBlocks,
  patientRow,
  patternRow,
  registerPatientView,
} from "../../support/caregrid/recorded.ts"
import { insert, save } from "../../support/caregrid/statements.ts"
import { until } from "../../support/until.ts"

let app: CapturedApp

const TOMORROW = "2099-01-01T00:00:00.000000+00:00"
const block = blockRow({ ip_address: "203.0.113.7", ip_hash: "b4".repeat(32), expiry_time: TOMORROW })
const pattern = patternRow({ pattern_hash: "cd".repeat(32), severity: 6 })

describe("a row that cannot be understood", () => {
  beforeAll(async () => {
    app = await createCapturedApp()
  })
  beforeEach(() => app.clear())
  afterAll(() => app.drop())

  it.each([
    [
      "a blockchain_id without 0x",
      insert("core_patient", patientRow({ blockchain_id: "a1".repeat(32) })),
      ["blockchain_id"],
    ],
    [
      "a blockchain_id that is no hash",
      insert("core_patient", patientRow({ blockchain_id: "0xjunk" })),
      ["blockchain_id"],
    ],
    [
      "an automatic block for ever",
      insert("firewall_blockedip", { ...block, expiry_time: "infinity" }),
      ["expiry_time"],
    ],
    [
      "a block that ended before time began",
      insert("firewall_blockedip", { ...block, expiry_time: "-infinity" }),
      ["expiry_time"],
    ],
    [
      "a block beyond what the chain can say",
      insert("firewall_blockedip", { ...block, expiry_time: "40000-01-01" }),
      ["expiry_time"],
    ],
    [
      "a network in place of an address",
      insert("firewall_blockedip", { ...block, ip_address: "10.0.0.0/8" }),
      ["ip_address"],
    ],
    [
      "a pattern_hash that is none",
      insert("firewall_attackpattern", { ...pattern, pattern_hash: "junk" }),
      ["pattern_hash"],
    ],
    ["a severity of 11", insert("firewall_attackpattern", { ...pattern, severity: 11 }), ["severity"]],
    [
      "two faults at once",
      insert("firewall_attackpattern", { ...pattern, pattern_hash: "", severity: -1 }),
      ["pattern_hash", "severity"],
    ],
  ] as const)("is set aside by its id: %s", async (_, statement, fields) => {
    const [row] = await app.run([statement])
    expect(await app.news()).toEqual([])
    expect(await readCaptureLetters(app.sql)).toEqual([
      {
        reason: "unreadable-row",
        table: expect.any(String),
        rowId: row?.id,
        fields: [...fields],
        state: "open",
      },
    ])
  })

  it("leaves the rows beside it captured", async () => {
    await app.run([
      "BEGIN",
      ...middlewareBlocks({ ...block, expiry_time: "infinity" }),
      ...detectorStores(pattern),
      "COMMIT",
    ])
    expect((await app.news()).map(({ type }) => type)).toEqual(["add-attack-signature"])
  })

  it("is set aside once however often it changes, and is nobody's any more when it goes", async () => {
    await app.run([insert("firewall_blockedip", { ...block, expiry_time: "infinity" })])
    await app.run([
      save("firewall_blockedip", 1, { ...block, expiry_time: "infinity", is_manual: false, ip_hash: "" }),
    ])
    expect((await readCaptureLetters(app.sql)).map(({ state }) => state)).toEqual(["open"])
    await app.sql`delete from firewall_blockedip`
    expect((await readCaptureLetters(app.sql)).map(({ state }) => state)).toEqual(["resolved"])
    expect(await app.news()).toEqual([])
  })

  it("is a whole table when it is truncated", async () => {
    await app.sql`truncate firewall_blockedip`
    expect(await readCaptureLetters(app.sql)).toMatchObject([
      { reason: "table-truncated", table: "firewall_blockedip", rowId: null, fields: [] },
    ])
  })

  it("is each row while nobody has said how subjects are made", async () => {
    await app.sql`delete from reconciler.capture_settings`
    await app.run(middlewareBlocks(block))
    expect(await readCaptureLetters(app.sql)).toMatchObject([{ reason: "capture-not-set-up" }])
    expect(await app.news()).toEqual([])
    await insertSubjects(app.sql, HMAC)
  })

  it("has no value of it in the dead letter", async () => {
    const secret = "0xsecret-name"
    await app.run([insert("core_patient", patientRow({ blockchain_id: secret }))])
    const [letter] = await app.sql`select to_jsonb(d)::text as text from reconciler.dead_letters d`
    expect(letter?.text).not.toContain("secret")
  })
})

describe("a migration of the app", () => {
  beforeEach(async () => {
    app = await createCapturedApp()
  })
  afterEach(() => app.drop())

  it.each([
    ["core_patient", "alter table core_patient rename blockchain_id to chain_id", ["blockchain_id"]],
    ["core_patient", "alter table core_patient drop column blockchain_id cascade", ["blockchain_id"]],
    ["firewall_blockedip", "alter table firewall_blockedip rename is_manual to by_hand", ["is_manual"]],
    [
      "firewall_blockedip",
      "alter table firewall_blockedip alter expiry_time type text using 'soon'",
      ["expiry_time"],
    ],
    ["firewall_attackpattern", "alter table firewall_attackpattern alter severity type text", []],
  ])("of %s sets rows aside that it made unreadable: %s", async (table, migration, fields) => {
    await app.run(registerPatientView(patientRow({ blockchain_id: `0x${"a1".repeat(32)}` }), 1, "down"))
    await app.run(middlewareBlocks(block))
    await app.run(detectorStores(pattern))
    await app.news()
    await app.sql.unsafe(migration)
    await app.sql`update ${app.sql(table)} set id = id + 100`
    const letters = await readCaptureLetters(app.sql)
    if (fields.length > 0)
      expect(letters).toMatchObject([{ reason: "unreadable-row", table, rowId: 101n, fields }])
    else expect(await app.news()).toHaveLength(1)
  })
})

describe("an error that is not the row's", () => {
  beforeAll(async () => {
    app = await createCapturedApp()
  })
  beforeEach(() => app.clear())
  afterAll(() => app.drop())

  /** The app's commit while somebody else holds the whole log; `meanwhile` gets the session's process id. */
  async function commitBehindLock(setting: string, meanwhile: (pid: number) => Promise<unknown>) {
    return withConnection(app.url, async holder => {
      await holder`begin`
      await holder`lock table reconciler.outbox in access exclusive mode`
      return withConnection(app.url, async connection => {
        const [session] = await connection<{ pid: number }[]>`select pg_backend_pid() as pid`
        await connection.unsafe(setting)
        const steps = ["BEGIN", ...middlewareBlocks(block), "COMMIT"] as const
        const failed = send(connection, steps).catch((thrown: unknown) => thrown)
        await meanwhile(session?.pid ?? 0)
        return failed
      })
    })
  }

  async function expectNothingWritten() {
    expect(await app.sql`select from firewall_blockedip`).toHaveLength(0)
    expect(await readCaptureLetters(app.sql)).toEqual([])
  }

  it("fails the app's commit, which then has no row: a lock that is not given", async () => {
    const failed = await commitBehindLock("set lock_timeout = '50ms'", () => Promise.resolve())
    expect(withSqlState(failed, "55P03")).toBeDefined()
    await expectNothingWritten()
  })

  it("fails the app's commit, which then has no row: a cancelled commit", async () => {
    const failed = await commitBehindLock("set lock_timeout = 0", pid =>
      until(
        async () => {
          const rows = await app.sql`select from pg_locks where pid = ${pid} and not granted`
          return rows.length > 0 && (await app.sql`select pg_cancel_backend(${pid})`).length > 0
        },
        isCancelled => isCancelled,
      ),
    )
    expect(withSqlState(failed, "57014")).toBeDefined()
    await expectNothingWritten()
  })
})

describe("subjects as stored", () => {
  afterEach(() => app.drop())
  const blockchainId = `0x${"A1".repeat(32)}`
  const patient = registerPatientView(patientRow({ blockchain_id: blockchainId }), 1, "down")

  it.each([
    ["view", keccak256(toUtf8Bytes(blockchainId))],
    ["sync", blockchainId.toLowerCase()],
  ] as const)("are one of the app's two keys of a patient: %s", async (patientKey, subject) => {
    app = await createCapturedApp({ making: { hashing: "as-stored", patientKey } })
    await app.run(patient)
    expect(await app.news()).toEqual([{ type: "register-patient", subject, payload: {} }])
  })

  it("are the hashes of addresses and patterns as they are, never computed anew", async () => {
    app = await createCapturedApp({ making: { hashing: "as-stored", patientKey: "view" } })
    await app.run(middlewareBlocks({ ...block, ip_address: "2001:DB8::1" }))
    await app.run(middlewareBlocks({ ...block, ip_address: "192.0.2.1", ip_hash: `0x${"B5".repeat(32)}` }))
    await app.run(detectorStores(pattern))
    expect((await app.news()).map(({ subject }) => subject)).toEqual(
      ["b4", "b5", "cd"].map(byte => `0x${byte.repeat(32)}`),
    )
  })

  it("set a row aside whose hash is junk", async () => {
    app = await createCapturedApp({ making: { hashing: "as-stored", patientKey: "view" } })
    for (const [at, ip_hash] of [
      "",
      "junk",
      "b4".repeat(31),
      `${"b4".repeat(31)}zz`,
      `x0${"b4".repeat(32)}`,
    ].entries()) {
      await app.run(middlewareBlocks({ ...block, ip_address: `192.0.2.${at}`, ip_hash }))
    }
    expect((await readCaptureLetters(app.sql)).map(({ fields }) => fields)).toEqual(
      Array(5).fill(["ip_hash"]),
    )
    expect(await app.news()).toEqual([])
  })
})
