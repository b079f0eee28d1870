import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { pseudonym } from "../../../src/domain/subject.ts"
import {
  type CapturedApp,
  createCapturedApp,
  readCaptureLetters,
  SUBJECT_KEY,
} from "../../support/caregrid/captured-app.ts"
import {
  AUTO_REASON,
  adminBlockView,
  adminUnblockView,
  blockDeleted,
  blockRow,
  blocksBulkCreated,
  cleanUpCommand,
  detectorStores,
  middlewareBlocks,
  middlewareRenews,
  patientRow,
  patientsBulkCreated,
  patientsDeleted,
  patternRow,
  registerPatientView,
  savepointRolledBack,
  syncTellsBlock,
  syncTellsPatient,
} from "../../support/caregrid/recorded.ts"
import { insert, save, update } from "../../support/caregrid/statements.ts"

let app: CapturedApp
beforeAll(async () => {
  app = await createCapturedApp()
})
beforeEach(() => app.clear())
afterAll(() => app.drop())
const news = () => app.news()

const BLOCKCHAIN_ID = `0x${"a1".repeat(32)}`
const IP = "203.0.113.7"
const patient = patientRow({ blockchain_id: BLOCKCHAIN_ID })
const patientSubject = pseudonym(SUBJECT_KEY, "patient", BLOCKCHAIN_ID)
const ipSubject = pseudonym(SUBJECT_KEY, "ip-address", IP)

/** As Python writes it, to the microsecond. */
function inHours(hours: number): string {
  return new Date(Date.now() + hours * 3_600_000).toISOString().replace("Z", "400+00:00")
}
const seconds = (iso: string) => Math.ceil(Date.parse(iso) / 1000)

describe("a patient", () => {
  it.each(["confirmed", "down"] as const)(
    "registered by the view is captured once when its transaction commits, the app's own chain call %s",
    async chain => {
      await app.run(registerPatientView(patient, 1, chain))
      expect(await news()).toEqual([{ type: "register-patient", subject: patientSubject, payload: {} }])
    },
  )

  it("told of by the cron job, or saved from an older copy, is not captured again", async () => {
    await app.run(registerPatientView(patient, 1, "down"))
    await news()
    await app.run(syncTellsPatient(1))
    await app.run([save("core_patient", 1, { ...patient, address: "2 Hill Road" })])
    expect(await news()).toEqual([])
  })

  it("made without blockchain_id is captured when a save sets it", async () => {
    await app.run(
      patientsBulkCreated([patientRow({ blockchain_id: null }), patientRow({ blockchain_id: null })]),
    )
    expect(await news()).toEqual([])
    await app.run([save("core_patient", 2, patient)])
    expect(await news()).toEqual([{ type: "register-patient", subject: patientSubject, payload: {} }])
  })

  it("who gets another blockchain_id leaves under the old one", async () => {
    await app.run(registerPatientView(patient, 1, "down"))
    await news()
    const other = `0x${"a2".repeat(32)}`
    await app.run([save("core_patient", 1, { ...patient, blockchain_id: other })])
    expect(await news()).toEqual([
      { type: "deactivate-patient", subject: patientSubject, payload: {} },
      { type: "register-patient", subject: pseudonym(SUBJECT_KEY, "patient", other), payload: {} },
    ])
  })

  it("deleted, alone or with the branch, is deactivated", async () => {
    await app.run(registerPatientView(patient, 1, "down"))
    await news()
    await app.run(patientsDeleted([1]))
    expect(await news()).toEqual([{ type: "deactivate-patient", subject: patientSubject, payload: {} }])
    expect(await app.sql`select from reconciler.app_rows`).toHaveLength(0)
  })

  it("created in bulk is captured row by row", async () => {
    const ids = [1, 2, 3].map(at => `0x${String(at).repeat(64)}`)
    await app.run(patientsBulkCreated(ids.map(blockchain_id => patientRow({ blockchain_id }))))
    expect((await news()).map(({ subject }) => subject)).toEqual(
      ids.map(id => pseudonym(SUBJECT_KEY, "patient", id)),
    )
  })
})

describe("a block", () => {
  const expiry = inHours(24)
  const automatic = blockRow({ ip_address: IP, ip_hash: "b4".repeat(32), expiry_time: expiry })
  const byHand = { ...automatic, reason: "by hand", is_manual: true, expiry_time: inHours(720) }
  const attacked = { ...byHand, reason: AUTO_REASON, expiry_time: expiry }
  const asAutomatic = (iso: string) => ({
    type: "block-ip",
    subject: ipSubject,
    payload: { manual: false, expiresAt: seconds(iso) },
  })
  const asManual = { type: "block-ip", subject: ipSubject, payload: { manual: true } }
  const unblocked = { type: "unblock-ip", subject: ipSubject, payload: {} }

  it("by the middleware, and renewed by it, is an automatic one until its expiry", async () => {
    await app.run(middlewareBlocks(automatic))
    expect(await news()).toEqual([asAutomatic(expiry)])
    const later = inHours(25)
    await app.run(middlewareRenews(1, automatic, later))
    expect(await news()).toEqual([asAutomatic(later)])
  })

  it("told of by the cron job is not captured again", async () => {
    await app.run(middlewareBlocks(automatic))
    await news()
    await app.run(syncTellsBlock(1))
    expect(await news()).toEqual([])
  })

  it("has one subject however its address was written", async () => {
    await app.run(middlewareBlocks({ ...automatic, ip_address: "2001:DB8::1", ip_hash: "d6".repeat(32) }))
    expect((await news())[0]?.subject).toBe(pseudonym(SUBJECT_KEY, "ip-address", "2001:db8::1"))
  })

  it("by an administrator is a manual one", async () => {
    await app.run(adminBlockView(byHand))
    expect(await news()).toEqual([asManual])
  })

  it("by hand stays one under an attack, which lowers its expiry and rewrites its reason", async () => {
    await app.run(adminBlockView(byHand))
    await news()
    await app.run(middlewareRenews(1, byHand, expiry))
    await app.run(middlewareRenews(1, attacked, inHours(25)))
    expect(await news()).toEqual([])
  })

  it("by hand stays one when its expiry in the table is past, and when the app's cleanup deletes the row", async () => {
    await app.run(adminBlockView({ ...byHand, expiry_time: inHours(-1) }))
    await news()
    await app.run(cleanUpCommand(inHours(0)))
    expect(await app.sql`select from firewall_blockedip`).toHaveLength(0)
    expect(await news()).toEqual([])
  })

  it("is unblocked by the view, of either kind", async () => {
    await app.run(adminBlockView(byHand))
    await app.run(adminUnblockView(1, byHand, inHours(0)))
    expect(await news()).toEqual([asManual, unblocked])
    const other = { ...automatic, ip_address: "192.0.2.8" }
    await app.run(middlewareBlocks(other))
    await app.run(adminUnblockView(2, other, inHours(0)))
    expect((await news()).map(({ type }) => type)).toEqual(["block-ip", "unblock-ip"])
  })

  it("is unblocked by an app whose clock is some minutes ahead", async () => {
    await app.run(adminBlockView(byHand))
    await news()
    await app.run(adminUnblockView(1, byHand, inHours(4 / 60)))
    expect(await news()).toEqual([unblocked])
  })

  it("of an address that was blocked by hand, attacked and unblocked is an automatic one", async () => {
    await app.run(adminBlockView(byHand))
    await app.run(middlewareRenews(1, byHand, expiry))
    const now = inHours(0)
    await app.run(adminUnblockView(1, attacked, now))
    await news()
    const again = inHours(26)
    await app.run(middlewareRenews(1, { ...attacked, expiry_time: now }, again))
    expect(await news()).toEqual([asAutomatic(again)])
  })

  it("made manual, by save or by update, is a manual one", async () => {
    await app.run(middlewareBlocks(automatic))
    await news()
    await app.run([save("firewall_blockedip", 1, { ...automatic, is_manual: true })])
    expect(await news()).toEqual([asManual])
    const where = { column: "ip_address", value: IP }
    await app.run([update("firewall_blockedip", ["is_manual"], { is_manual: false }, where)])
    expect(await news()).toEqual([unblocked, asAutomatic(expiry)])
    await app.run([update("firewall_blockedip", ["is_manual"], { is_manual: true }, where)])
    expect(await news()).toEqual([asManual])
  })

  it("deleted while it runs is unblocked; deleted when it is over is not", async () => {
    await app.run(middlewareBlocks(automatic))
    await app.run(blockDeleted(1))
    expect(await news()).toEqual([asAutomatic(expiry), unblocked])
    const past = inHours(-2)
    await app.run(middlewareBlocks({ ...automatic, expiry_time: past }))
    await app.run(cleanUpCommand(inHours(0)))
    expect(await news()).toEqual([asAutomatic(past)])
  })

  it("created and ended in bulk is captured row by row", async () => {
    const rows = [1, 2, 3].map(at => ({
      ...automatic,
      ip_address: `192.0.2.${at}`,
      ip_hash: `${at}`.repeat(64),
    }))
    await app.run(blocksBulkCreated(rows))
    expect((await news()).map(({ type }) => type)).toEqual(["block-ip", "block-ip", "block-ip"])
    await app.sql`update firewall_blockedip set expiry_time = ${inHours(0)}::text::timestamptz
      where host(ip_address) like '192.0.2.%'`
    expect((await news()).map(({ type }) => type)).toEqual(["unblock-ip", "unblock-ip", "unblock-ip"])
  })

  it("rolled back, whole or to a savepoint, leaves nothing in the log", async () => {
    const inner = { ...automatic, ip_address: "192.0.2.91", ip_hash: "91".repeat(32) }
    await app.run(
      savepointRolledBack(insert("firewall_blockedip", automatic), insert("firewall_blockedip", inner)),
    )
    expect(await news()).toEqual([asAutomatic(expiry)])
    await app.run(["BEGIN", insert("firewall_blockedip", inner), "ROLLBACK"])
    expect(await news()).toEqual([])
  })
})

describe("a signature", () => {
  const pattern = patternRow({ pattern_hash: "cd".repeat(32), severity: 6 })
  const subject = pseudonym(SUBJECT_KEY, "attack-pattern", "cd".repeat(32))
  const added = (severity: number) => ({ type: "add-attack-signature", subject, payload: { severity } })

  it("stored by the detector is captured, and again when its severity changes", async () => {
    await app.run(detectorStores(pattern))
    await app.run([save("firewall_attackpattern", 1, { ...pattern, blockchain_synced: true })])
    expect(await news()).toEqual([added(6)])
    await app.run([save("firewall_attackpattern", 1, { ...pattern, severity: 9 })])
    const where = { column: "pattern_hash", value: "cd".repeat(32) }
    await app.run([update("firewall_attackpattern", ["severity"], { severity: 8 }, where)])
    expect(await news()).toEqual([added(9), added(8)])
  })

  it("with a severity that has no place on the chain is set aside, until it has one", async () => {
    await app.run(detectorStores({ ...pattern, severity: 0 }))
    expect(await readCaptureLetters(app.sql)).toEqual([
      {
        reason: "unreadable-row",
        table: "firewall_attackpattern",
        rowId: 1n,
        fields: ["severity"],
        state: "open",
      },
    ])
    await app.run([save("firewall_attackpattern", 1, pattern)])
    expect(await news()).toEqual([added(6)])
    expect((await readCaptureLetters(app.sql)).map(({ state }) => state)).toEqual(["resolved"])
  })
})
