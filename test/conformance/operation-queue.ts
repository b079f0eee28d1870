import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { MalformedMessage } from "../../src/bus/consume.ts"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type { IntakeBatch, OperationQueue } from "../../src/chain-writer/ports.ts"
import { anySubject, event } from "../support/event-builders.ts"

export interface OperationQueueHarness {
  readonly queue: OperationQueue
  deadLetters(): Promise<number>
  close(): Promise<void>
}

/** The promises of the port OperationQueue, kept by every implementation. */
export function operationQueueConformance(name: string, open: () => Promise<OperationQueueHarness>): void {
  describe(`operation queue: ${name}`, () => {
    let harness: OperationQueueHarness
    let topics = 0

    beforeAll(async () => {
      harness = await open()
    })
    afterAll(() => harness.close())

    function batch(size: number, rest: Partial<IntakeBatch> = {}): IntakeBatch {
      const events = Array.from({ length: size }, () => event("register-patient.requested", anySubject()))
      topics += 1
      return {
        consumerGroup: "intake",
        topic: `topic-${topics}`,
        partition: 3,
        operations: events.flatMap(each => toOperation(each) ?? []),
        malformed: [],
        storedOffset: null,
        nextOffset: 40n,
        ...rest,
      }
    }

    const offsetOf = ({ consumerGroup, topic, partition }: IntakeBatch) =>
      harness.queue.storedOffset(consumerGroup, topic, partition)

    it("has no offset of a partition that nothing came from", async () => {
      expect(await offsetOf(batch(0))).toBeNull()
    })

    it("keeps operations and offset together", async () => {
      const before = await harness.queue.pending()
      const given = batch(3)
      expect(await harness.queue.accept(given)).toEqual({ outcome: "stored", added: 3 })
      expect(await offsetOf(given)).toBe(40n)
      expect(await harness.queue.pending()).toEqual({ ...before, live: before.live + 3 })
    })

    it("adds nothing when the same comes again", async () => {
      const given = batch(2)
      await harness.queue.accept(given)
      const before = await harness.queue.pending()
      const again = { ...given, storedOffset: 40n, nextOffset: 44n }
      expect(await harness.queue.accept(again)).toEqual({ outcome: "stored", added: 0 })
      expect(await harness.queue.pending()).toEqual(before)
      expect(await offsetOf(given)).toBe(44n)
    })

    it("takes an operation once that comes twice in one batch", async () => {
      const given = batch(1)
      const twice = { ...given, operations: [...given.operations, ...given.operations] }
      expect(await harness.queue.accept(twice)).toMatchObject({ added: 1 })
    })

    it("moves the offset for a batch in which nothing is asked for", async () => {
      const given = batch(0)
      await harness.queue.accept(given)
      expect(await offsetOf(given)).toBe(40n)
    })

    it("takes more operations at once than one statement would", async () => {
      expect(await harness.queue.accept(batch(2_500))).toMatchObject({ added: 2_500 })
    })

    it("sets aside what could not be read, once", async () => {
      const given = batch(1)
      const message = { key: null, value: "{", headers: {}, topic: given.topic, partition: 3, offset: 39n }
      const malformed: MalformedMessage[] = [{ message, reason: "bad-headers", fields: ["ce_id"] }]
      const before = await harness.deadLetters()
      await harness.queue.accept({ ...given, malformed })
      await harness.queue.accept({ ...given, malformed, storedOffset: 40n })
      expect(await harness.deadLetters()).toBe(before + 1)
    })

    it.each([
      { state: "is nowhere", stored: null, judgedAgainst: 4n },
      { state: "is another", stored: 7n, judgedAgainst: 4n },
      { state: "is there by now", stored: 4n, judgedAgainst: null },
    ])(
      "takes nothing of a batch when the offset it was judged against $state",
      async ({ stored, judgedAgainst }) => {
        const { topic } = batch(0)
        if (stored !== null) await harness.queue.accept(batch(0, { topic, nextOffset: stored }))
        const message = { key: null, value: "{", headers: {}, topic, partition: 3, offset: 39n }
        const malformed: MalformedMessage[] = [{ message, reason: "bad-headers", fields: ["ce_id"] }]
        const before = [await harness.queue.pending(), await harness.deadLetters()]
        const late = batch(2, { topic, malformed, storedOffset: judgedAgainst })
        expect(await harness.queue.accept(late)).toEqual({ outcome: "moved", added: 0 })
        expect([await harness.queue.pending(), await harness.deadLetters()]).toEqual(before)
        expect(await offsetOf(late)).toBe(stored)
      },
    )
  })
}
