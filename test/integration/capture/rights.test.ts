import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { pseudonym } from "../../../src/domain/subject.ts"
import { deleteExpiredBlocks } from "../../../src/integrations/caregrid/delete-expired-blocks.ts"
import { setFlags } from "../../../src/integrations/caregrid/set-flags.ts"
import {
  type CapturedApp,
  createCapturedApp,
  SUBJECT_KEY,
  withConnection,
} from "../../support/caregrid/captured-app.ts"
import {
  blockRow,
  middlewareBlocks,
  patientRow,
  registerPatientView,
} from "../../support/caregrid/recorded.ts"

const role = `app_${randomBytes(6).toString("hex")}`
const PASSWORD = randomBytes(12).toString("hex")
const block = blockRow({ ip_address: "203.0.113.7", ip_hash: "b4".repeat(32), expiry_time: "2099-01-01" })

let app: CapturedApp
let asApp: Sql
let appUrl: string
beforeAll(async () => {
  app = await createCapturedApp()
  await app.sql.unsafe(`create role ${role} login password '${PASSWORD}'`)
  await app.sql.unsafe(`grant select, insert, update, delete on all tables in schema public to ${role}`)
  const url = new URL(app.url)
  url.username = role
  url.password = PASSWORD
  appUrl = url.href
  asApp = openDatabase({ url: appUrl, max: 2, applicationName: "test-app" })
})
afterAll(async () => {
  await closeDatabase(asApp)
  await app.sql.unsafe(`drop owned by ${role}`)
  await app.sql.unsafe(`drop role ${role}`)
  await app.drop()
})

describe("the app's own role", () => {
  it("needs no right on the schema of the log, and has none", async () => {
    await asApp`insert into firewall_blockedip ${asApp(block)}`
    expect((await app.news()).map(({ type }) => type)).toEqual(["block-ip"])
    await expect(asApp`select from reconciler.capture_settings`).rejects.toThrow("permission denied")
    await expect(asApp`select from reconciler.outbox`).rejects.toThrow("permission denied")
    await expect(asApp`select reconciler.capture_block()`).rejects.toThrow("permission denied")
  })

  it("may not put such a trigger on a table of its own, even where it may use the schema", async () => {
    await app.sql.unsafe(
      `grant usage on schema reconciler to ${role}; grant create on schema public to ${role}`,
    )
    await asApp`create table mine (like core_patient)`
    const forge = asApp`create trigger forge after insert on mine for each row
      execute function reconciler.capture_patient()`
    await expect(forge).rejects.toThrow("permission denied")
    await app.sql.unsafe(`revoke usage on schema reconciler from ${role}`)
  })

  it("cannot lead the triggers astray by its search path or temporary tables", async () => {
    await withConnection(appUrl, async connection => {
      await connection`create temporary table capture_settings (hashing text, inner_pad bytea, outer_pad bytea)`
      await connection`insert into capture_settings values ('hmac', '', '')`
      await connection`create function pg_temp.sha256(bytea) returns bytea language sql as 'select $1'`
      await connection`set search_path = pg_temp, public, pg_catalog`
      await connection`insert into public.firewall_blockedip ${connection({ ...block, ip_address: "192.0.2.1" })}`
    })
    expect(await app.news()).toEqual([
      expect.objectContaining({ subject: pseudonym(SUBJECT_KEY, "ip-address", "192.0.2.1") }),
    ])
  })
})

describe("our own writes to the app's tables", () => {
  it("are not captured: neither flags nor the removal of what is over", async () => {
    await app.clear()
    const blockchain_id = `0x${"a1".repeat(32)}`
    await app.run(registerPatientView(patientRow({ blockchain_id }), 1, "down"))
    await app.run(middlewareBlocks({ ...block, expiry_time: "2020-01-01" }))
    await app.news()
    const flags = [{ rowId: 1n, transactionHash: "ab".repeat(32) }]
    await app.sql.begin(async tx => {
      await setFlags(tx, "public", "core_patient", flags)
      await setFlags(tx, "public", "firewall_blockedip", flags)
    })
    const gone = await app.sql.begin(tx => deleteExpiredBlocks(tx, "public", [1n]))
    expect(gone.size).toBe(1)
    expect(await app.news()).toEqual([])
  })
})
