import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { DeadLetterLevers } from "../../src/dead-letters/levers.ts"
import type { DeadLetter, DeadLetters, NewDeadLetter } from "../../src/dead-letters/ports.ts"
import type { EventRecord, NewEvent } from "../../src/domain/event.ts"
import { resultPayloadSchema } from "../../src/domain/event.ts"
import type { Subject } from "../../src/domain/subject.ts"
import { anySubject, confirmed, event, expired, unblockRequested } from "../support/event-builders.ts"

export interface DeadLetterLeversHarness {
  readonly levers: DeadLetterLevers
  readonly deadLetters: DeadLetters
  append(...events: readonly EventRecord[]): Promise<void>
  insert(letter: NewDeadLetter): Promise<void>
  /** The chain writer's intake. */
  accept(request: EventRecord): Promise<void>
  /** The `rejected` results in the log. */
  told(): Promise<readonly NewEvent[]>
  /** Positions of the operations that wait for the chain, and of those that the read model knows. */
  queued(): Promise<readonly bigint[]>
  viewed(): Promise<readonly bigint[]>
  close(): Promise<void>
}

const WHY = { reason: "asked for twice", by: "ops" }

/** The promises of the port DeadLetterLevers, kept by every implementation. */
export function deadLetterLeversConformance(
  name: string,
  open: () => Promise<DeadLetterLeversHarness>,
): void {
  describe(`dead-letter levers: ${name}`, () => {
    let harness: DeadLetterLeversHarness
    let subject: Subject
    beforeEach(async () => {
      harness = await open()
      subject = anySubject()
    })
    afterEach(() => harness.close())

    const unreadable = () => event("add-attack-signature.requested", subject, { severity: "high" })

    /** In the log, and set aside: the first for a reason of its own, the others behind it. */
    async function setAside(
      source: string,
      events: readonly EventRecord[],
      rest: Partial<NewDeadLetter> = {},
    ): Promise<readonly bigint[]> {
      await harness.append(...events)
      for (const [index, { eventId, position, type, subject: of }] of events.entries()) {
        const reason = index === 0 ? "bad-payload" : "subject-blocked"
        const letter = { source, reason, eventId, position, type, subject: of, blocksSubject: true, ...rest }
        await harness.insert(letter)
      }
      const ids = events.map(({ eventId }) => eventId)
      const letters = await harness.deadLetters.list({ limit: 100 })
      return letters.filter(({ eventId }) => ids.includes(eventId ?? "")).map(({ id }) => id)
    }

    async function letter(id: bigint): Promise<DeadLetter> {
      const [found] = await harness.deadLetters.list({ limit: 1, filter: { ids: [id] } })
      return found!
    }

    const outcomes = (results: readonly { readonly id: bigint; readonly outcome: string }[]) =>
      results.map(({ id, outcome }) => [id, outcome])

    test("a consumer handles again at once what it can read now, with all behind it, in order", async () => {
      const events = [unblockRequested(subject), unblockRequested(subject), unblockRequested(subject)]
      const ids = await setAside("chain-writer", events)
      const other = unblockRequested(anySubject())
      await setAside("chain-writer", [other])
      const results = await harness.levers.requeue(ids[1]!)
      expect(outcomes(results)).toEqual(ids.map(id => [id, "resolved"]))
      expect(await harness.queued()).toEqual(events.map(({ position }) => position))
      expect((await letter(ids[2]!)).state).toBe("resolved")
      expect(await harness.deadLetters.summary()).toMatchObject({ unsettled: 1, blockedSubjects: 1 })
    })

    test("nothing goes after one that fails again, which counts as a try", async () => {
      const events = [unblockRequested(subject), unreadable(), unblockRequested(subject)]
      const ids = await setAside("chain-writer", events)
      const results = await harness.levers.requeue(ids[0]!)
      expect(results).toMatchObject([
        { outcome: "resolved" },
        { outcome: "failed-again", reason: "bad-payload", fields: ["severity"] },
        { outcome: "still-blocked" },
      ])
      expect(await harness.queued()).toEqual([events[0]!.position])
      expect(await letter(ids[1]!)).toMatchObject({
        state: "open",
        attempts: 2,
        reason: "bad-payload",
        fields: ["severity"],
      })
      expect(await letter(ids[2]!)).toMatchObject({ state: "open", attempts: 1, reason: "subject-blocked" })
    })

    test("one that blocks nothing goes alone, and past one that fails", async () => {
      const events = [unreadable(), unblockRequested(subject)]
      const ids = await setAside("chain-writer", events, { blocksSubject: false })
      expect(outcomes(await harness.levers.requeue(ids[1]!))).toEqual([[ids[1], "resolved"]])
      expect(await harness.queued()).toEqual([events[1]!.position])
    })

    test("an event that is not in the log cannot go, and nothing goes past it", async () => {
      const [gone, after] = [unblockRequested(subject), unblockRequested(subject)]
      const { eventId, position, type } = gone
      await harness.insert({
        source: "chain-writer",
        reason: "bad-payload",
        eventId,
        position,
        type,
        subject,
        blocksSubject: true,
      })
      const [id] = await setAside("chain-writer", [after])
      const results = await harness.levers.requeue(id!)
      expect(results.map(({ outcome }) => outcome)).toEqual(["not-in-log", "still-blocked"])
      expect(await harness.queued()).toEqual([])
    })

    test("a message that only claims an event's place is not taken for it", async () => {
      const real = unblockRequested(subject)
      await harness.append(real)
      const { position, type } = real
      const { eventId } = unblockRequested(subject)
      await harness.insert({ source: "chain-writer", reason: "bad-json", eventId, position, type, subject })
      const [found] = await harness.deadLetters.list({ limit: 1 })
      expect(await harness.levers.requeue(found!.id)).toMatchObject([{ outcome: "not-in-log" }])
      expect(await harness.queued()).toEqual([])
    })

    test("the relay's letters are marked for it, all of the subject", async () => {
      const ids = await setAside("relay", [unblockRequested(subject), unblockRequested(subject)])
      expect(outcomes(await harness.levers.requeue(ids[0]!))).toEqual(ids.map(id => [id, "handed-to-relay"]))
      expect(await harness.deadLetters.summary()).toMatchObject({ unsettled: 2, requeued: 2 })
      expect(outcomes(await harness.levers.requeue(ids[0]!))).toEqual(ids.map(id => [id, "handed-to-relay"]))
      expect(await harness.levers.discard(ids[0]!, WHY)).toEqual({ outcome: "requeued" })
    })

    test("the relay's letters stay when one of them is not in the log", async () => {
      const gone = unblockRequested(subject)
      const { eventId, position, type } = gone
      const letter = { source: "relay", reason: "unknown-type", eventId, position, type, subject }
      await harness.insert({ ...letter, blocksSubject: true })
      const [id] = await setAside("relay", [unblockRequested(subject)])
      const results = await harness.levers.requeue(id!)
      expect(results.map(({ outcome }) => outcome)).toEqual(["not-in-log", "still-blocked"])
      expect((await harness.deadLetters.summary()).requeued).toBe(0)
    })

    test("the projector tells its read model", async () => {
      const request = unblockRequested(subject)
      const [id] = await setAside("projector", [confirmed(request)], { blocksSubject: false })
      expect(await harness.levers.requeue(id!)).toMatchObject([{ outcome: "resolved" }])
      expect(await harness.viewed()).toEqual([request.position])
    })

    test("what is for a person to compare is not handled again", async () => {
      const [id] = await setAside("chain-writer", [unblockRequested(subject)], {
        reason: "result-contradicted",
        blocksSubject: false,
      })
      expect(await harness.levers.requeue(id!)).toMatchObject([{ outcome: "not-requeueable" }])
      expect(await harness.queued()).toEqual([])
    })

    test("what never was an event is not handled again", async () => {
      await harness.insert({
        source: "projector",
        reason: "bad-headers",
        topic: "t",
        partition: 0,
        offset: 1n,
      })
      const [found] = await harness.deadLetters.list({ limit: 1 })
      expect(await harness.levers.requeue(found!.id)).toMatchObject([{ outcome: "not-requeueable" }])
    })

    test("says so of what is settled or was never there", async () => {
      const [id] = await setAside("chain-writer", [unblockRequested(subject)])
      await harness.levers.requeue(id!)
      expect(await harness.levers.requeue(id!)).toEqual([{ id, outcome: "settled" }])
      expect(await harness.levers.discard(id!, WHY)).toEqual({ outcome: "settled" })
      expect(await harness.levers.requeue(9_999n)).toEqual([{ id: 9_999n, outcome: "unknown" }])
      expect(await harness.levers.discard(9_999n, WHY)).toEqual({ outcome: "unknown" })
    })

    test("discarding lets go what waited only for it, and keeps who did it and why", async () => {
      const events = [unreadable(), unblockRequested(subject), unblockRequested(subject)]
      const ids = await setAside("chain-writer", events)
      const answer = await harness.levers.discard(ids[0]!, WHY)
      expect(answer).toMatchObject({
        outcome: "discarded",
        released: [{ outcome: "resolved" }, { outcome: "resolved" }],
      })
      expect(await harness.queued()).toEqual(events.slice(1).map(({ position }) => position))
      expect(await letter(ids[0]!)).toMatchObject({
        state: "discarded",
        discardReason: WHY.reason,
        discardedBy: WHY.by,
      })
      expect(await harness.deadLetters.count()).toBe(0)
    })

    test("discarding one that waits lets nothing go", async () => {
      const ids = await setAside("chain-writer", [unreadable(), unblockRequested(subject)])
      expect(await harness.levers.discard(ids[1]!, WHY)).toEqual({ outcome: "discarded", released: [] })
      expect(await harness.queued()).toEqual([])
    })

    test("discarding a request tells its one final outcome, and it is not accepted when it is sent again", async () => {
      for (const source of ["relay", "chain-writer"]) {
        const request = unblockRequested(anySubject())
        const [id] = await setAside(source, [request])
        await harness.levers.discard(id!, WHY)
        await harness.levers.discard(id!, WHY)
        await harness.accept(request)
        expect((await harness.told()).filter(told => told.subject === request.subject)).toEqual([
          {
            type: "unblock-ip.rejected",
            subject: request.subject,
            payload: {
              operationId: request.eventId,
              operationPosition: request.position.toString(),
              outcome: "Invalid",
              reason: "discarded:bad-payload",
            },
            traceparent: request.traceparent,
            causationId: request.eventId,
          },
        ])
      }
      expect(await harness.queued()).toEqual([])
    })

    test("the outcome of a request that nobody can read can be read", async () => {
      const [id] = await setAside("chain-writer", [{ ...unreadable(), traceparent: "of old" }])
      await harness.levers.discard(id!, WHY)
      const [told] = await harness.told()
      expect(told?.traceparent).toBeNull()
      expect(resultPayloadSchema.parse(told?.payload)).toMatchObject({ reason: "discarded:bad-payload" })
    })

    test("discarding tells nothing of what the chain has, of what others could not read, and of what is no request", async () => {
      const accepted = unblockRequested(subject)
      await harness.accept(accepted)
      const letters = [
        await setAside("chain-writer", [accepted], { reason: "result-contradicted", blocksSubject: false }),
        await setAside("projector", [unblockRequested(anySubject())], { blocksSubject: false }),
        await setAside("relay", [event("teleport-patient.requested", anySubject())]),
        await setAside("chain-writer", [confirmed(unblockRequested(anySubject()))], { blocksSubject: false }),
      ]
      const { position, type } = accepted
      const { eventId } = unblockRequested(subject)
      await harness.insert({ source: "chain-writer", reason: "bad-json", eventId, position, type, subject })
      const [claim] = await harness.deadLetters.list({ limit: 1, filter: { reason: "bad-json" } })
      for (const id of [...letters.flat(), claim!.id]) {
        expect(await harness.levers.discard(id, WHY)).toMatchObject({ outcome: "discarded" })
      }
      expect(await harness.told()).toEqual([])
      expect(await harness.queued()).toEqual([accepted.position])
    })

    test("discarding what the relay set aside hands the rest to the relay", async () => {
      const ids = await setAside("relay", [unblockRequested(subject), unblockRequested(subject)])
      expect(await harness.levers.discard(ids[0]!, WHY)).toMatchObject({
        outcome: "discarded",
        released: [{ id: ids[1], outcome: "handed-to-relay" }],
      })
    })

    test("an expiry is a request too", async () => {
      const block = event("block-ip.requested", subject, { manual: false, expiresAt: 2_000_000_000 })
      const expiry = expired(block)
      const [id] = await setAside("chain-writer", [expiry])
      await harness.levers.requeue(id!)
      expect(await harness.queued()).toEqual([expiry.position])
    })

    test("lists by what is asked for", async () => {
      const [id] = await setAside("chain-writer", [unreadable()])
      await setAside("projector", [unblockRequested(anySubject())])
      const matching = { source: "chain-writer", reason: "bad-payload", subject, states: ["open"] } as const
      const found = await harness.deadLetters.list({ limit: 10, filter: matching })
      expect(found.map(each => each.id)).toEqual([id])
      for (const other of [
        { source: "relay" },
        { reason: "bad-json" },
        { subject: anySubject() },
        { states: ["resolved"] as const },
        { type: "block-ip.requested" },
        { ids: [] },
      ]) {
        expect(await harness.deadLetters.list({ limit: 10, filter: { ...matching, ...other } })).toEqual([])
      }
    })
  })
}
