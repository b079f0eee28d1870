import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { NewEvent } from "../../src/domain/event.ts"
import type { Subject } from "../../src/domain/subject.ts"
import { createAppender } from "../../src/outbox/append.ts"
import { InvalidEventError } from "../../src/outbox/invalid-event.ts"
import { type AppendRequest, type EventLog, MAX_BATCH } from "../../src/outbox/ports.ts"

export interface EventLogHarness<Transaction> {
  readonly log: EventLog<Transaction>
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  /** What others can see, in order of position. */
  committed(): Promise<readonly Pick<NewEvent, "type" | "subject" | "payload">[]>
  /** Of the subject's events, in order of position: whether each is backfill. */
  marks(subject: Subject): Promise<readonly boolean[]>
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
    const append = (event: AppendRequest) => harness.transaction(tx => harness.log.append(tx, event))

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

    test("backfill is marked, however it is appended, and all else is not", async () => {
      const subject = newSubject()
      const { append: checked, appendMany } = createAppender(harness.log)
      await harness.transaction(tx => checked(tx, { ...unblock(subject), backfill: true }))
      await append({ ...unblock(subject), backfill: true, idempotencyKey: `backfill ${subject}` })
      await append(unblock(subject))
      const marks = [true, false, null]
      await harness.transaction(tx =>
        appendMany(
          tx,
          marks.map(backfill => ({ ...unblock(subject), backfill })),
        ),
      )
      expect(await harness.marks(subject)).toEqual([true, true, false, true, false, false])
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

    test("several at once are written in the order given, and a batch too large is refused whole", async () => {
      const { appendMany } = createAppender(harness.log)
      const [first, second] = [newSubject(), newSubject()]
      const given = [manual(second), unblock(first), unblock(second), automatic(second)]
      const results = await harness.transaction(tx => appendMany(tx, given))
      const positions = results.map(result => (result.outcome === "appended" ? result.position : 0n))
      expect(positions).toEqual(positions.toSorted((left, right) => (left < right ? -1 : 1)))
      expect(new Set(positions).size).toBe(4)
      const tooMany = Array.from({ length: MAX_BATCH + 1 }, () => unblock(newSubject()))
      await expect(harness.transaction(tx => appendMany(tx, tooMany))).rejects.toThrow(/at most 1000/)
      expect(await harness.transaction(tx => appendMany(tx, []))).toEqual([])
    })

    describe("idempotency key", () => {
      let keys = 0
      const newKey = () => `request-${++keys}`

      test("a second append with it gets the first one's id and writes nothing", async () => {
        const event = automatic(newSubject())
        const idempotencyKey = newKey()
        const first = await append({ ...event, idempotencyKey })
        const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`
        const second = await append({ ...event, idempotencyKey, traceparent, backfill: true })
        expect(first.outcome).toBe("appended")
        expect(second).toEqual({ ...first, outcome: "already-appended" })
        expect(await eventsOf(event.subject)).toEqual([event])
      })

      test("is forgotten with a transaction that was rolled back", async () => {
        const event = automatic(newSubject())
        const idempotencyKey = newKey()
        const rolledBack = harness.transaction(async tx => {
          await harness.log.append(tx, { ...event, idempotencyKey })
          throw new RolledBack()
        })
        await expect(rolledBack).rejects.toThrow(RolledBack)
        expect((await append({ ...event, idempotencyKey })).outcome).toBe("appended")
      })

      test("makes all but the first of many at once wait, and gives them the first one's id", async () => {
        const event = unblock(newSubject())
        const idempotencyKey = newKey()
        const results = await Promise.all(
          Array.from({ length: 8 }, () => append({ ...event, idempotencyKey })),
        )
        const ids = results.map(result => (result.outcome === "manual-block-stands" ? "" : result.eventId))
        expect(new Set(ids).size).toBe(1)
        expect(results.filter(result => result.outcome === "appended")).toHaveLength(1)
        expect(await eventsOf(event.subject)).toHaveLength(1)
      })

      test("lets the second one write when the first one it waited for was rolled back", async () => {
        const event = unblock(newSubject())
        const idempotencyKey = newKey()
        const appended = Promise.withResolvers<void>()
        const mayEnd = Promise.withResolvers<void>()
        const first = harness.transaction(async tx => {
          await harness.log.append(tx, { ...event, idempotencyKey })
          appended.resolve()
          await mayEnd.promise
          throw new RolledBack()
        })
        await appended.promise
        const second = append({ ...event, idempotencyKey })
        mayEnd.resolve()
        await expect(first).rejects.toThrow(RolledBack)
        expect((await second).outcome).toBe("appended")
        expect(await eventsOf(event.subject)).toHaveLength(1)
      })

      test("remembers that a manual block stood, also when it stands no more", async () => {
        const subject = newSubject()
        const idempotencyKey = newKey()
        await append(manual(subject))
        const first = await append({ ...automatic(subject), idempotencyKey })
        await append(unblock(subject))
        expect(first).toEqual({ outcome: "manual-block-stands" })
        expect(await append({ ...automatic(subject), idempotencyKey })).toEqual(first)
      })

      test("of another request is refused: another subject, type or payload", async () => {
        const subject = newSubject()
        const idempotencyKey = newKey()
        await append({ ...automatic(subject), idempotencyKey })
        const others = [automatic(newSubject()), unblock(subject), manual(subject)]
        for (const other of others) {
          const refused = append({ ...other, idempotencyKey })
          await expect(refused).rejects.toThrow(InvalidEventError)
          await expect(refused).rejects.toThrow("idempotencyKey: was used for another request")
        }
        expect(await eventsOf(subject)).toHaveLength(1)
      })

      test("works in a batch, also twice in the same one", async () => {
        const { appendMany } = createAppender(harness.log)
        const event = unblock(newSubject())
        const idempotencyKey = newKey()
        const requests = [{ ...event, idempotencyKey }, event, { ...event, idempotencyKey }]
        const outcomes = async () =>
          (await harness.transaction(tx => appendMany(tx, requests))).map(result => result.outcome)
        expect(await outcomes()).toEqual(["appended", "appended", "already-appended"])
        expect(await outcomes()).toEqual(["already-appended", "appended", "already-appended"])
        expect(await eventsOf(event.subject)).toHaveLength(3)
      })

      test("is 1 to 200 characters", async () => {
        for (const idempotencyKey of ["", "x".repeat(201)]) {
          const refused = createAppender(harness.log)
          await expect(
            harness.transaction(tx => refused.append(tx, { ...unblock(newSubject()), idempotencyKey })),
          ).rejects.toThrow("idempotencyKey: must be 1 to 200 characters")
          await expect(append({ ...unblock(newSubject()), idempotencyKey })).rejects.toThrow(
            InvalidEventError,
          )
        }
      })
    })
  })
}
