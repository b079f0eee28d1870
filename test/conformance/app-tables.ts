import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import type { DeadLetters } from "../../src/dead-letters/ports.ts"
import type { EventRecord, FinalResult } from "../../src/domain/event.ts"
import type { AppTables } from "../../src/write-back/ports.ts"
import type { AppTable } from "../../src/write-back/work.ts"
import {
  anySubject,
  batchOf,
  blockRequested,
  confirmed,
  event,
  expired,
  manualBlockRequested,
  result,
  unblockRequested,
} from "../support/event-builders.ts"

/** What the app does, each call one transaction of its own. */
export interface App {
  /** Adds a row that stands for the request's subject, or changes the one there is, so that it tells of the request. */
  write(
    table: AppTable,
    request: EventRecord,
    block?: { expiresInMs: number; manual?: boolean },
  ): Promise<void>
  deleteRow(table: AppTable, subject: string): Promise<void>
  /** Keeps a row locked until the returned function is called. */
  hold(table: AppTable, subject: string): Promise<() => Promise<void>>
  read(table: AppTable, subject: string): Promise<{ flag: boolean; hash: string } | null>
}

export interface AppTablesHarness {
  readonly appTables: AppTables
  readonly deadLetters: DeadLetters
  readonly app: App
  writeToLog(event: EventRecord): Promise<void>
  logAbout(subject: string): Promise<readonly EventRecord[]>
  close(): Promise<void>
}

const DEADLINE = { timeout: 10_000, interval: 20 }

/** What any AppTables must do. Tests share one; each has subjects of its own. */
export function appTablesConformance(name: string, create: () => Promise<AppTablesHarness>): void {
  describe(`app tables: ${name}`, () => {
    let harness: AppTablesHarness
    let app: App

    beforeAll(async () => {
      harness = await create()
      app = harness.app
    })
    afterAll(() => harness.close())

    const tell = (...events: readonly EventRecord[]) => harness.appTables.apply(batchOf(events))
    const settle = async () => {
      for (let pass = 0; pass < 20; pass += 1) {
        if ((await harness.appTables.settle(100)).settled === 0) return
      }
      throw new Error("always something left to settle")
    }
    const removalsOf = async (block: EventRecord) => {
      const about = await harness.logAbout(block.subject)
      return about
        .filter(
          ({ type, payload }) =>
            type === "ip-block.removed" && payload.blockVersion === String(block.position),
        )
        .map(({ payload }) => payload.rows)
    }
    /** A block of the app whose expiry came back from the chain and is told of. */
    const expireOnChain = async (block: EventRecord, final: FinalResult = "confirmed") => {
      const expiry = expired(block)
      await harness.writeToLog(expiry)
      await tell(result(expiry, final))
      return expiry
    }
    /** A block of the app that did not come to stand on the chain. */
    const refuse = async (block: EventRecord, final: "rejected" | "superseded") => {
      await harness.writeToLog(block)
      await tell(result(block, final))
    }
    const blocked = async (expiresInMs: number, manual = false) => {
      const block = blockRequested(anySubject(), Math.floor(expiresInMs / 1000))
      await app.write("firewall_blockedip", block, { expiresInMs, manual })
      return block
    }
    const row = (block: EventRecord) => app.read("firewall_blockedip", block.subject)
    const deadLetterOf = async ({ eventId }: EventRecord) => {
      const letters = await harness.deadLetters.list({ limit: 1000 })
      return letters.find(letter => letter.eventId === eventId)
    }

    describe("flags", () => {
      const signature = event("add-attack-signature.requested", anySubject(), { severity: 3 })
      it.each([
        ["core_patient", event("register-patient.requested", anySubject()), undefined],
        ["firewall_blockedip", blockRequested(anySubject(), 60), { expiresInMs: 60_000 }],
        ["firewall_attackpattern", signature, undefined],
      ] as const)(
        "a row of %s with the transaction when its operation is confirmed",
        async (table, request, block) => {
          await app.write(table, request, block)
          const outcome = confirmed(request)
          await tell(outcome)
          expect(await app.read(table, request.subject)).toEqual({ flag: false, hash: "" })
          await settle()
          expect(await app.read(table, request.subject)).toEqual({
            flag: true,
            hash: outcome.payload.transactionHash,
          })
        },
      )

      it("nothing when it was rejected or superseded", async () => {
        const blocks = [await blocked(60_000), await blocked(60_000)]
        await refuse(blocks[0]!, "rejected")
        await refuse(blocks[1]!, "superseded")
        await settle()
        for (const block of blocks) expect(await row(block)).toMatchObject({ flag: false })
      })

      it("no row that was renewed before the confirmation of the old block, until the renewal is confirmed", async () => {
        const first = await blocked(60_000)
        const renewal = blockRequested(first.subject, 120)
        await app.write("firewall_blockedip", renewal, { expiresInMs: 120_000 })
        await tell(confirmed(first))
        await settle()
        expect(await row(first)).toMatchObject({ flag: false })
        await tell(confirmed(renewal))
        await settle()
        expect(await row(first)).toMatchObject({ flag: true })
      })

      it("nothing of an unblock, whose row the app has deleted itself", async () => {
        const block = await blocked(60_000)
        await app.deleteRow("firewall_blockedip", block.subject)
        await tell(confirmed(block), confirmed(unblockRequested(block.subject)))
        await settle()
        expect(await row(block)).toBeNull()
      })
    })

    describe("removal", () => {
      it("takes the row of an expired block out and tells of it, caused by the expiry", async () => {
        const block = await blocked(-1000)
        const expiry = await expireOnChain(block)
        await settle()
        expect(await row(block)).toBeNull()
        const removal = (await harness.logAbout(block.subject)).at(-1)
        expect(removal).toMatchObject({
          type: "ip-block.removed",
          causationId: expiry.eventId,
          payload: { blockVersion: block.position.toString(), rows: 1 },
        })
      })

      it("is told once a block version, however often the expiry comes", async () => {
        const block = await blocked(-1000)
        const expiry = await expireOnChain(block)
        await tell(confirmed(expiry), confirmed(expiry))
        await settle()
        await tell(confirmed(expiry))
        await expireOnChain(block)
        await settle()
        expect(await removalsOf(block)).toEqual([1])
      })

      it.each(["superseded", "rejected"] as const)(
        "takes the row of an expired block out when the chain answers its expiry %s",
        async answer => {
          const block = await blocked(-1000)
          await expireOnChain(block, answer)
          await settle()
          expect(await row(block)).toBeNull()
          expect(await removalsOf(block)).toEqual([1])
        },
      )

      it("is told when no row was there to take out", async () => {
        const block = await blocked(-1000)
        await app.deleteRow("firewall_blockedip", block.subject)
        await expireOnChain(block)
        await settle()
        expect(await removalsOf(block)).toEqual([0])
      })

      it("leaves a row that was renewed meanwhile", async () => {
        const block = await blocked(-1000)
        await app.write("firewall_blockedip", blockRequested(block.subject, 60), { expiresInMs: 60_000 })
        await expireOnChain(block)
        await settle()
        expect(await row(block)).not.toBeNull()
        expect(await removalsOf(block)).toEqual([0])
      })

      it("takes a renewed row out once its own block expired", async () => {
        const block = await blocked(-2000)
        const renewal = blockRequested(block.subject, -1)
        await app.write("firewall_blockedip", renewal, { expiresInMs: -1000 })
        await expireOnChain(block)
        await expireOnChain(renewal)
        await settle()
        expect(await row(block)).toBeNull()
        expect([await removalsOf(block), await removalsOf(renewal)]).toEqual([[0], [1]])
      })

      it("leaves a row renewed since to the renewal's own end, also when its time is over", async () => {
        const block = await blocked(-2000)
        const renewal = blockRequested(block.subject, -1)
        await app.write("firewall_blockedip", renewal, { expiresInMs: -1000 })
        await expireOnChain(block)
        await settle()
        expect(await row(block)).not.toBeNull()
        await expireOnChain(renewal)
        await settle()
        expect(await row(block)).toBeNull()
      })

      it("never deletes a row that is manual, whatever its expiry says", async () => {
        const block = await blocked(-1000, true)
        await expireOnChain(block)
        await settle()
        expect(await row(block)).not.toBeNull()
      })

      it("never deletes a row made manual since", async () => {
        const block = await blocked(-1000)
        const manual = manualBlockRequested(block.subject)
        await app.write("firewall_blockedip", manual, { expiresInMs: -1000, manual: true })
        await expireOnChain(block)
        await settle()
        expect(await row(block)).not.toBeNull()
      })

      it("leaves the row of an expired block whose expiry is not on the chain yet", async () => {
        const told = await blocked(-1000)
        const untold = await blocked(-1000)
        await expireOnChain(told)
        await settle()
        expect([await row(told), await row(untold)]).toEqual([null, { flag: false, hash: "" }])
      })

      it("waits for a row that runs a little longer than the chain's block", async () => {
        const block = await blocked(300)
        await expireOnChain(block)
        expect(await harness.appTables.settle(100)).toEqual({ settled: 0, waiting: 1 })
        expect(await row(block)).not.toBeNull()
        await vi.waitUntil(async () => (await harness.appTables.settle(100)).settled === 1, DEADLINE)
        expect(await row(block)).toBeNull()
        expect(await removalsOf(block)).toEqual([1])
      })

      it("of an expiry that is not in the log is a dead letter", async () => {
        const expiry = expired(blockRequested(anySubject(), -1))
        await tell(confirmed(expiry))
        expect(await deadLetterOf(expiry)).toMatchObject({
          source: "write-back",
          reason: "request-not-in-log",
        })
      })
    })

    describe.each(["superseded", "rejected"] as const)("removal of a %s block", answer => {
      it("takes its row out when its time is over, and tells of it once, caused by the block", async () => {
        const block = await blocked(-1000)
        await refuse(block, answer)
        await tell(result(block, answer))
        await settle()
        expect(await row(block)).toBeNull()
        await tell(result(block, answer))
        await settle()
        expect(await removalsOf(block)).toEqual([1])
        expect((await harness.logAbout(block.subject)).at(-1)).toMatchObject({ causationId: block.eventId })
      })

      it("waits for the block's end, whatever its row says", async () => {
        const [running, cutShort] = [await blocked(60_000), await blocked(60_000)]
        await app.write("firewall_blockedip", cutShort, { expiresInMs: -1000 })
        for (const block of [running, cutShort]) await refuse(block, answer)
        expect(await harness.appTables.settle(100)).toEqual({ settled: 0, waiting: 0 })
        for (const block of [running, cutShort]) expect(await row(block)).not.toBeNull()
      })

      it("waits for a row that runs longer than the block", async () => {
        const block = await blocked(300)
        await refuse(block, answer)
        expect(await harness.appTables.settle(100)).toEqual({ settled: 0, waiting: 1 })
        await vi.waitUntil(async () => (await harness.appTables.settle(100)).settled === 1, DEADLINE)
        expect([await row(block), await removalsOf(block)]).toEqual([null, [1]])
      })

      it("leaves a row that was renewed since, and one made manual since", async () => {
        const [renewed, manual] = [await blocked(-1000), await blocked(-1000)]
        const renewal = blockRequested(renewed.subject, 60)
        await app.write("firewall_blockedip", renewal, { expiresInMs: 60_000 })
        const byHand = manualBlockRequested(manual.subject)
        await app.write("firewall_blockedip", byHand, { expiresInMs: -1000, manual: true })
        for (const block of [renewed, manual]) await refuse(block, answer)
        await settle()
        for (const block of [renewed, manual]) {
          expect(await row(block)).not.toBeNull()
          expect(await removalsOf(block)).toEqual([0])
        }
      })

      it("is none for a manual block", async () => {
        const manual = manualBlockRequested(anySubject())
        await app.write("firewall_blockedip", manual, { expiresInMs: -1000, manual: true })
        await refuse(manual, answer)
        await settle()
        expect(await row(manual)).not.toBeNull()
        expect([await removalsOf(manual), await deadLetterOf(manual)]).toEqual([[], undefined])
      })

      it("of a block that is not in the log is a dead letter", async () => {
        const block = blockRequested(anySubject(), -1)
        await tell(result(block, answer))
        expect(await deadLetterOf(block)).toMatchObject({
          source: "write-back",
          reason: "request-not-in-log",
        })
      })
    })

    it("lets a row that the app holds wait, and nothing else with it", async () => {
      const held = await blocked(-1000)
      const free = await blocked(-1000)
      const release = await app.hold("firewall_blockedip", held.subject)
      await expireOnChain(held)
      await expireOnChain(free)
      await settle()
      expect([await removalsOf(held), await removalsOf(free)]).toEqual([[], [1]])
      await release()
      await vi.waitUntil(async () => (await harness.appTables.settle(100)).settled === 1, DEADLINE)
      expect(await removalsOf(held)).toEqual([1])
    })

    it("stores the offset with the batch", async () => {
      const topic = `topic-${randomUUID()}`
      expect(await harness.appTables.storedOffset("group", topic, 0)).toBeNull()
      await harness.appTables.apply(batchOf([], { topic, nextOffset: 9n }))
      expect(await harness.appTables.storedOffset("group", topic, 0)).toBe(9n)
    })

    it.each([
      { state: "is nowhere", stored: null, judgedAgainst: 4n },
      { state: "is another", stored: 7n, judgedAgainst: 4n },
      { state: "is there by now", stored: 4n, judgedAgainst: null },
    ])(
      "remembers nothing of a batch when the offset it was judged against $state",
      async ({ stored, judgedAgainst }) => {
        const topic = `topic-${randomUUID()}`
        if (stored !== null) await harness.appTables.apply(batchOf([], { topic, nextOffset: stored }))
        const block = await blocked(60_000)
        const late = batchOf([confirmed(block)], { topic, storedOffset: judgedAgainst, nextOffset: 9n })
        expect(await harness.appTables.apply(late)).toEqual({ outcome: "moved" })
        expect(await harness.appTables.settle(100)).toEqual({ settled: 0, waiting: 0 })
        expect(await harness.appTables.storedOffset("group", topic, 0)).toBe(stored)
      },
    )

    it("looks at no more results than asked for", async () => {
      const blocks = [await blocked(60_000), await blocked(60_000)]
      await tell(...blocks.map(block => confirmed(block)))
      expect(await harness.appTables.settle(1)).toEqual({ settled: 1, waiting: 0 })
      await settle()
    })
  })
}
