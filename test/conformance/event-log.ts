import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { NewEvent } from "../../src/domain/event.ts"
import type { Subject } from "../../src/domain/subject.ts"
import { createAppender } from "../../src/outbox/append.ts"
import { InvalidEventError } from "../../src/outbox/invalid-event.ts"
import type { EventLog } from "../../src/outbox/ports.ts"

export interface EventLogHarness<Transaction> {
  readonly log: EventLog<Transaction>
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  /** What others can see, in order of position. */
  committed(): Promise<readonly Pick<NewEvent, "type" | "subject" | "payload">[]>
  close(): Promise<void>
}

class RolledBack extends Error {}

const manual = (subject: Subject): NewEvent => ({
  type: "block-ip.requested",
  subject,
  payload: { manual: true },
})
const automatic = (subject: Subject): NewEvent => ({
  type: "block-ip.requested",
  subject,
  payload: { manual: false, expiresAt: 1_800_000_000 },
})
const unblock = (subject: Subject): NewEvent => ({ type: "unblock-ip.requested", subject, payload: {} })

/** The promises of the port EventLog, kept by every implementation. */
export function eventLogConformance<Transaction>(
  name: string,
  open: () => Promise<EventLogHarness<Transaction>>,
): void {
  describe(`event log: ${name}`, () => {
    let harness: EventLogHarness<Transaction>
    let subjects = 0
    const newSubject = (): Subject => `0x${(++subjects).toString(16).padStart(64, "0")}`
    const eventsOf = async (subject: Subject) =>
      (await harness.committed()).filter(event => event.subject === subject)
    const append = (event: NewEvent) => harness.transaction(tx => harness.log.append(tx, event))

    beforeAll(async () => {
      harness = await open()
    })
    afterAll(() => harness.close())

    test("what is appended is there after the commit, as it was given", async () => {
      const event = automatic(newSubject())
      const result = await append(event)
      expect(result.outcome).toBe("appended")
      expect(await eventsOf(event.subject)).toEqual([event])
    })

    test("what is appended is gone with its transaction", async () => {
      const event = automatic(newSubject())
      const rolledBack = harness.transaction(async tx => {
        await harness.log.append(tx, event)
        throw new RolledBack()
      })
      await expect(rolledBack).rejects.toThrow(RolledBack)
      expect(await eventsOf(event.subject)).toEqual([])
    })

    test("an event that breaks the rules is refused and nothing is written", async () => {
      const subject = newSubject()
      const refused = append({ type: "block-ip.requested", subject, payload: { manual: false } })
      await expect(refused).rejects.toThrow(InvalidEventError)
      await expect(refused).rejects.toThrow(/payload\.expiresAt/)
      expect(await eventsOf(subject)).toEqual([])
    })

    test("an automatic block does not replace a manual one", async () => {
      const subject = newSubject()
      await append(manual(subject))
      expect(await append(automatic(subject))).toEqual({ outcome: "manual-block-stands" })
      expect(await eventsOf(subject)).toEqual([manual(subject)])
    })

    test("an automatic block is written again after the manual one is lifted", async () => {
      const subject = newSubject()
      await append(manual(subject))
      await append(unblock(subject))
      expect((await append(automatic(subject))).outcome).toBe("appended")
    })

    test("a manual block that was rolled back does not stand", async () => {
      const subject = newSubject()
      const rolledBack = harness.transaction(async tx => {
        await harness.log.append(tx, manual(subject))
        throw new RolledBack()
      })
      await expect(rolledBack).rejects.toThrow(RolledBack)
      expect((await append(automatic(subject))).outcome).toBe("appended")
    })

    test("a second writer of a subject waits for the first one's commit and comes after it", async () => {
      const subject = newSubject()
      const firstAppended = Promise.withResolvers<bigint>()
      const mayCommit = Promise.withResolvers<void>()
      let firstCommitted = false
      const first = harness.transaction(async tx => {
        const result = await harness.log.append(tx, automatic(subject))
        if (result.outcome === "appended") firstAppended.resolve(result.position)
        await mayCommit.promise
        firstCommitted = true
      })
      const firstPosition = await firstAppended.promise
      const second = append(unblock(subject)).then(result => ({ result, firstCommitted }))
      // Another subject is not held up: its append also gives the second one the time to go wrong.
      await append(unblock(newSubject()))
      mayCommit.resolve()
      await first
      const { result, firstCommitted: waited } = await second
      expect(waited).toBe(true)
      expect(result.outcome === "appended" && result.position > firstPosition).toBe(true)
    })

    test("transactions that take the same subjects in different order do not wait for each other for ever", async () => {
      const { appendMany } = createAppender(harness.log)
      const [left, right] = [newSubject(), newSubject()]
      const rounds = Array.from({ length: 20 }, (_, round) =>
        harness.transaction(tx =>
          appendMany(tx, round % 2 ? [unblock(left), unblock(right)] : [unblock(right), unblock(left)]),
        ),
      )
      await Promise.all(rounds)
      expect(await eventsOf(left)).toHaveLength(20)
      expect(await eventsOf(right)).toHaveLength(20)
    })

    test("of several events none is written when one breaks the rules, and results keep the order given", async () => {
      const { appendMany } = createAppender(harness.log)
      const [low, high] = [newSubject(), newSubject()]
      const bad = { type: "block-ip.requested", subject: high, payload: { manual: 1 } }
      await expect(harness.transaction(tx => appendMany(tx, [unblock(low), bad]))).rejects.toThrow(
        /1\.payload/,
      )
      expect(await eventsOf(low)).toEqual([])
      const results = await harness.transaction(tx =>
        appendMany(tx, [unblock(high), manual(low), automatic(low)]),
      )
      expect(results.map(result => result.outcome)).toEqual(["appended", "appended", "manual-block-stands"])
    })
  })
}
