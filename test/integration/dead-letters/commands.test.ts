import { afterEach, beforeEach, describe, expect, inject, test } from "vitest"
import { insertDeadLetter } from "../../../src/adapters/postgres/dead-letters/insert.ts"
import { createReadModel } from "../../../src/adapters/postgres/projector/read-model.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import { EXIT } from "../../../src/runtime/errors.ts"
import { runCommand } from "../../support/command.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import {
  anySubject,
  batchOf,
  blockRequested,
  confirmed,
  event,
  unblockRequested,
} from "../../support/event-builders.ts"
import { insertEvents } from "../../support/insert-events.ts"
import { readLogAbout } from "../../support/read-log.ts"
import { readOperationView } from "../../support/read-operation-view.ts"

describe.skipIf(inject("kafkaBrokers").length === 0)("reconciler dead-letters", () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await createTestDatabase()
  })
  afterEach(() => database.drop())

  const settings = () => ({
    DATABASE_URL: database.url,
    KAFKA_BROKERS: inject("kafkaBrokers").join(","),
    TOPIC_PREFIX: "dead-letters-command",
  })
  const run = (...argv: string[]) => runCommand(["dead-letters", ...argv], settings())

  /** In the log, and set aside by the chain writer; with a secret in the payload. */
  async function setAside(...events: readonly EventRecord[]): Promise<void> {
    await insertEvents(database.sql, events)
    for (const each of events) {
      const fields = ["severity"]
      const letter = { ...each, source: "chain-writer", reason: "bad-payload", fields, blocksSubject: true }
      await insertDeadLetter(database.sql, letter)
    }
  }
  const unreadable = (subject = anySubject()) =>
    event("add-attack-signature.requested", subject, { severity: "Jane Roe" })

  test("shows what is set aside, by what is asked for, and never a payload", async () => {
    const [one, other] = [unreadable(), unblockRequested(anySubject())]
    await setAside(one, other)
    const listed = await run("list")
    expect(listed.code).toBe(EXIT.partialFailure)
    expect(listed.stdout).toMatch(
      /^id +state +tries +age +source +reason +type +subject\n1 +open +1 +\d+ s +chain-writer/,
    )
    const asked = await run("list", "--type", "unblock-ip.requested", "--json")
    expect(JSON.parse(asked.stdout)).toMatchObject([
      {
        id: "2",
        state: "open",
        position: other.position.toString(),
        subject: other.subject,
        fields: ["severity"],
      },
    ])
    const shown = await run("show", "1")
    expect(shown.stdout).toContain(one.eventId)
    expect(JSON.parse((await run("show", "1", "--json")).stdout)).toMatchObject({
      eventId: one.eventId,
      attempts: 1,
    })
    expect(`${listed.stdout}${shown.stdout}`).not.toContain("Jane")
    expect(await run("list", "--reason", "bad-json")).toMatchObject({ code: EXIT.ok })
  })

  test("says what became of each, and what would have", async () => {
    const [bad, good] = [unreadable(), unblockRequested(anySubject())]
    await setAside(bad, good)
    const dry = await run("requeue", "--all", "--dry-run")
    expect(dry).toMatchObject({ code: EXIT.ok, stdout: expect.stringContaining("2 would be requeued") })
    expect(await run("requeue", "--all")).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining("2 letters would be requeued: add --yes"),
    })
    const requeued = await run("requeue", "--all", "--yes")
    expect(requeued).toMatchObject({
      code: EXIT.partialFailure,
      stdout: "1: failed again (bad-payload severity)\n2: went through\n",
    })
    expect(await run("requeue", "2")).toMatchObject({ stdout: "2: was settled before\n" })
  })

  test("gives up for a reason, which stays, and lets go what waited only for it", async () => {
    const subject = anySubject()
    await setAside(unreadable(subject))
    const behind = unblockRequested(subject)
    await insertEvents(database.sql, [behind])
    const letter = { ...behind, source: "chain-writer", reason: "subject-blocked", blocksSubject: true }
    await insertDeadLetter(database.sql, letter)
    expect((await run("discard", "1")).code).toBe(EXIT.usage)
    const discarded = await run("discard", "1", "--because", "asked for twice", "--by", "ward 7")
    expect(discarded).toMatchObject({ code: EXIT.ok, stdout: "1: discarded\n2: went through\n" })
    expect(JSON.parse((await run("show", "1", "--json")).stdout)).toMatchObject({
      state: "discarded",
      discardedBy: "ward 7",
      discardReason: "asked for twice",
    })
    expect((await run("list")).code).toBe(EXIT.ok)
  })

  test("what is given up has come back rejected, and an earlier block of its subject ends on time again", async () => {
    const block = blockRequested(anySubject(), -1)
    const unblock = unblockRequested(block.subject)
    await setAside(unblock)
    const readModel = createReadModel(database.sql)
    await readModel.apply(batchOf([block, confirmed(block), unblock]))
    expect(await readModel.expireDue(10)).toMatchObject({ expired: 0 })
    await run("discard", "1", "--because", "asked for twice")
    const told = await readLogAbout(database.sql, block.subject)
    await readModel.apply(batchOf(told))
    expect(await readOperationView(database.sql, unblock.position)).toMatchObject({
      resulted: { result: "rejected", reason: "discarded:bad-payload", transactionHash: null },
    })
    expect(await readModel.expireDue(10)).toMatchObject({ expired: 1 })
  })

  test("the relay's wait for a relay, and it says so", async () => {
    const request = unblockRequested(anySubject())
    await insertEvents(database.sql, [request])
    await insertDeadLetter(database.sql, {
      ...request,
      source: "relay",
      reason: "unknown-type",
      blocksSubject: true,
    })
    const requeued = await run("requeue", "1", "--wait", "0")
    expect(requeued).toMatchObject({
      code: EXIT.partialFailure,
      stdout: "1: waits for a relay: none has sent it yet\n",
    })
    expect((await run("discard", "1", "--because", "no")).stdout).toContain("is being sent")
  })

  test("is a finding of status", async () => {
    await setAside(unreadable())
    const status = await runCommand(["status", "--json"], settings())
    expect(status.code).toBe(EXIT.partialFailure)
    expect(JSON.parse(status.stdout).findings).toMatchObject([
      { finding: "dead-letters", about: "1 open, 1 subject held back" },
    ])
  })

  test("says what is missing or wrong", async () => {
    expect((await run("requeue")).stderr).toContain("Say which")
    for (const argv of [
      ["requeue", "x"],
      ["requeue", "7"],
      ["show", "7"],
      ["list", "--subject", "Jane"],
    ]) {
      expect((await run(...argv)).code).toBe(EXIT.usage)
    }
    expect((await run("--help")).stdout).toContain("dead-letters requeue --subject")
  })
})
