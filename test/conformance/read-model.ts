import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { MalformedMessage } from "../../src/bus/consume.ts"
import type { DeadLetters } from "../../src/dead-letters/ports.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { foldFacts, type OperationState } from "../../src/domain/lifecycle.ts"
import { operationTag } from "../../src/domain/word.ts"
import type { ReadModel } from "../../src/projector/ports.ts"
import {
  anySubject,
  batchOf,
  blockRequested,
  confirmed,
  event,
  expired,
  manualBlockRequested,
  removed,
  result,
  unblockRequested,
} from "../support/event-builders.ts"

export interface ReadModelHarness {
  readonly readModel: ReadModel
  readonly deadLetters: DeadLetters
  operation(position: bigint): Promise<OperationState | null>
  /** The events that the read model appended to the log about this subject. */
  appendedAbout(subject: string): Promise<readonly EventRecord[]>
  close(): Promise<void>
}

/** What any ReadModel must do. Tests share one; each has subjects of its own. */
export function readModelConformance(name: string, create: () => Promise<ReadModelHarness>): void {
  describe(`read model: ${name}`, () => {
    let harness: ReadModelHarness

    beforeAll(async () => {
      harness = await create()
    })
    afterAll(() => harness.close())

    const tell = async (...events: readonly EventRecord[]) => {
      for (const told of events) await harness.readModel.apply(batchOf([told]))
    }
    const expireAll = async () => {
      for (let pass = 0; pass < 20; pass += 1) {
        if ((await harness.readModel.expireDue(100)).expired === 0) return
      }
      throw new Error("always something left to expire")
    }
    const expiriesOf = async (block: EventRecord) => {
      await expireAll()
      const about = await harness.appendedAbout(block.subject)
      return about.filter(({ payload }) => payload.blockVersion === block.position.toString()).length
    }

    it.each(ORDERS)("comes to the same rows when told %s", async (_order, arrange) => {
      const events = arrange(wholeLife())
      await tell(...events)
      for (const expected of foldFacts(events)) {
        expect(await harness.operation(expected.position)).toEqual(expected)
      }
    })

    it("comes to the same rows in one batch as in many", async () => {
      const request = blockRequested(anySubject(), 3600)
      const events = [removed(request), confirmed(request), request]
      await harness.readModel.apply(batchOf(events))
      expect(await harness.operation(request.position)).toEqual(foldFacts(events)[0])
    })

    it("stores the offset and what could not be read with the events, once", async () => {
      const subject = anySubject()
      const topic = `topic-${randomUUID()}`
      const malformed = [malformedMessage(topic, 4n), malformedMessage(topic, 5n)]
      const batch = batchOf([event("register-patient.requested", subject)], {
        topic,
        malformed,
        nextOffset: 6n,
      })
      expect(await harness.readModel.storedOffset("group", topic, 0)).toBeNull()
      expect(await harness.readModel.apply(batch)).toEqual({ outcome: "stored" })
      expect(await harness.readModel.apply({ ...batch, storedOffset: 6n })).toEqual({ outcome: "stored" })
      expect(await harness.readModel.storedOffset("group", topic, 0)).toBe(6n)
      const letters = (await harness.deadLetters.list({ limit: 1000 })).filter(
        letter => letter.topic === topic,
      )
      expect(letters.map(({ reason, offset, fields }) => ({ reason, offset, fields }))).toEqual([
        { reason: "bad-payload", offset: 4n, fields: ["expiresAt"] },
        { reason: "bad-payload", offset: 5n, fields: ["expiresAt"] },
      ])
    })

    it.each([
      { state: "is nowhere", stored: null, judgedAgainst: 4n },
      { state: "is another", stored: 7n, judgedAgainst: 4n },
      { state: "is there by now", stored: 4n, judgedAgainst: null },
    ])(
      "applies nothing of a batch when the offset it was judged against $state",
      async ({ stored, judgedAgainst }) => {
        const topic = `topic-${randomUUID()}`
        if (stored !== null) await harness.readModel.apply(batchOf([], { topic, nextOffset: stored }))
        const request = event("register-patient.requested", anySubject())
        const malformed = [malformedMessage(topic, 4n)]
        const late = batchOf([request], { topic, malformed, storedOffset: judgedAgainst, nextOffset: 9n })
        expect(await harness.readModel.apply(late)).toEqual({ outcome: "moved" })
        expect(await harness.operation(request.position)).toBeNull()
        const letters = await harness.deadLetters.list({ limit: 1000 })
        expect(letters.filter(letter => letter.topic === topic)).toEqual([])
        expect(await harness.readModel.storedOffset("group", topic, 0)).toBe(stored)
      },
    )

    it("expires a confirmed block whose time is over, once, and says of which block", async () => {
      const over = blockRequested(anySubject(), -2)
      await tell(over, confirmed(over))
      expect(await expiriesOf(over)).toBe(1)
      expect(await expiriesOf(over)).toBe(1)
      const [told] = await harness.appendedAbout(over.subject)
      expect(told).toMatchObject({
        type: "ip-block.expired",
        causationId: over.eventId,
        traceparent: over.traceparent,
        payload: {
          blockVersion: over.position.toString(),
          blockTag: operationTag(over.eventId).toString(16).padStart(16, "0"),
          expiresAt: over.payload.expiresAt,
        },
      })
      expect((await harness.operation(over.position))?.expired).toMatchObject({ eventId: told?.eventId })
    })

    it("expires a block that was over when it reached the chain", async () => {
      const late = blockRequested(anySubject(), -2)
      await tell(late, confirmed(late, "Expired"))
      expect(await expiriesOf(late)).toBe(1)
    })

    it("keeps its mark when the expiry it appended comes back", async () => {
      const over = blockRequested(anySubject(), -2)
      await tell(over, confirmed(over))
      await expireAll()
      const before = await harness.operation(over.position)
      await tell(...(await harness.appendedAbout(over.subject)))
      expect(await harness.operation(over.position)).toEqual(before)
      expect(await expiriesOf(over)).toBe(1)
    })

    it("leaves a block that is not confirmed, a rejected and a superseded one alone", async () => {
      const blocks = [-2, -2, -2].map(seconds => blockRequested(anySubject(), seconds))
      const [, rejected, superseded] = blocks
      await tell(...blocks, result(rejected!, "rejected"), result(superseded!, "superseded"))
      for (const other of blocks) expect(await expiriesOf(other)).toBe(0)
    })

    it("never expires a manual block", async () => {
      const manual = manualBlockRequested(anySubject())
      await tell(manual, confirmed(manual))
      expect(await expiriesOf(manual)).toBe(0)
    })

    it.each([
      ["renewed", (subject: `0x${string}`) => blockRequested(subject, 3600)],
      ["made manual", manualBlockRequested],
      ["unblocked", unblockRequested],
    ])("lets a block's timer go when it is %s", async (_how, replace) => {
      const over = blockRequested(anySubject(), -2)
      const newer = replace(over.subject)
      await tell(over, confirmed(over), newer)
      expect(await expiriesOf(over)).toBe(0)
      await tell(confirmed(newer))
      expect(await expiriesOf(over)).toBe(0)
    })

    it("goes by the old timer again when the renewal was rejected", async () => {
      const over = blockRequested(anySubject(), -2)
      const renewal = blockRequested(over.subject, 3600)
      await tell(over, confirmed(over), renewal)
      expect(await expiriesOf(over)).toBe(0)
      await tell(result(renewal, "rejected"))
      expect(await expiriesOf(over)).toBe(1)
    })

    it("expires the renewal when that is over, and not the first block", async () => {
      const first = blockRequested(anySubject(), -5)
      const renewal = blockRequested(first.subject, -2)
      await tell(first, confirmed(first), renewal, confirmed(renewal))
      expect(await expiriesOf(first)).toBe(0)
      expect(await expiriesOf(renewal)).toBe(1)
    })

    it("expires a renewal although the expiry of the block before it came later", async () => {
      const first = blockRequested(anySubject(), -5)
      const renewal = blockRequested(first.subject, -2)
      const expiry = expired(first)
      await tell(first, confirmed(first), renewal, confirmed(renewal), expiry, result(expiry, "superseded"))
      expect(await expiriesOf(renewal)).toBe(1)
    })

    it("expires no more than asked for, longest due first", async () => {
      await expireAll()
      const [later, sooner] = [-3, -6].map(seconds => blockRequested(anySubject(), seconds))
      await tell(later!, confirmed(later!), sooner!, confirmed(sooner!))
      expect((await harness.readModel.expireDue(1)).expired).toBe(1)
      expect(await harness.appendedAbout(sooner!.subject)).toHaveLength(1)
      expect(await harness.appendedAbout(later!.subject)).toHaveLength(0)
    })

    it("says when the next timer runs out", async () => {
      const soon = blockRequested(anySubject(), 60)
      await tell(soon, confirmed(soon))
      const { nextDueInMs } = await harness.readModel.expireDue(100)
      expect(nextDueInMs).toBeGreaterThan(50_000)
      expect(nextDueInMs).toBeLessThanOrEqual(60_000)
    })
  })
}

const ORDERS: readonly (readonly [string, (life: readonly EventRecord[]) => readonly EventRecord[]])[] = [
  ["as it happened", life => life],
  ["reversed", life => life.toReversed()],
  ["twice each", life => life.flatMap(told => [told, told])],
  ["the end first, then all of it again", life => [...life.slice(3), ...life]],
]

function wholeLife(): readonly EventRecord[] {
  const block = blockRequested(anySubject(), 3600)
  const expiry = expired(block)
  return [block, confirmed(block), expiry, confirmed(expiry), removed(block), result(block, "superseded")]
}

function malformedMessage(topic: string, offset: bigint): MalformedMessage {
  const message = { key: null, value: '{"secret":"value"}', headers: {}, topic, partition: 0, offset }
  return { message, reason: "bad-payload", fields: ["expiresAt"] }
}
