import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { NewDeadLetter } from "../../src/dead-letters/ports.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import type { Subject } from "../../src/domain/subject.ts"
import type { RelayLetters } from "../../src/relay/ports.ts"
import { anySubject, unblockRequested } from "../support/event-builders.ts"

export interface RelayLettersHarness {
  readonly letters: RelayLetters
  /** Of the relay's lease, taken just now. */
  readonly epoch: bigint
  append(...events: readonly EventRecord[]): Promise<void>
  insert(letter: NewDeadLetter): Promise<void>
  /** As a person does. */
  mark(event: EventRecord, state: "requeued" | "discarded"): Promise<void>
  /** State and tries of the relay's letters, by position. */
  states(): Promise<readonly (readonly [state: string, attempts: number, reason: string])[]>
  close(): Promise<void>
}

/** The promises of the port RelayLetters, kept by every implementation. */
export function relayLettersConformance(name: string, open: () => Promise<RelayLettersHarness>): void {
  describe(`relay letters: ${name}`, () => {
    let harness: RelayLettersHarness
    let letters: RelayLetters
    let subject: Subject
    beforeEach(async () => {
      harness = await open()
      letters = harness.letters
      subject = anySubject()
    })
    afterEach(() => harness.close())

    /** In the log, and set aside: the first for a reason of its own, the others behind it. */
    async function setAside(count: number, rest: Partial<NewDeadLetter> = {}): Promise<EventRecord[]> {
      const events = Array.from({ length: count }, () => unblockRequested(subject))
      await harness.append(...events)
      for (const [index, { eventId, position, type }] of events.entries()) {
        const reason = index === 0 ? "message-too-large" : "subject-blocked"
        const letter = { source: "relay", reason, eventId, position, type, subject, blocksSubject: true }
        await harness.insert({ ...letter, ...rest })
      }
      return events
    }

    const stateOf = async () => (await harness.states()).map(([state]) => state)

    test("has nothing at first", async () => {
      expect(await letters.glance()).toEqual({ unsettled: 0, requeued: false, unannounced: false })
      expect(await letters.blockedSubjects()).toEqual(new Map())
      expect(await letters.requeued(10)).toEqual([])
      expect(await letters.unannounced(10)).toEqual([])
    })

    test("knows which subjects are held back, and from where on; another source's letters do not count", async () => {
      const [first] = await setAside(3)
      await harness.insert({ source: "projector", reason: "bad-payload", subject: anySubject() })
      const free = anySubject()
      const { eventId, position } = unblockRequested(free)
      await harness.insert({ source: "relay", reason: "unknown-type", eventId, position, subject: free })
      expect(await letters.blockedSubjects()).toEqual(new Map([[subject, first!.position]]))
      expect(await letters.glance()).toEqual({ unsettled: 4, requeued: false, unannounced: true })
    })

    test("with one that is requeued come all of its subject, by position, with what the log says of them", async () => {
      const events = await setAside(3)
      await harness.mark(events[1]!, "requeued")
      expect((await letters.glance()).requeued).toBe(true)
      const requeued = await letters.requeued(10)
      expect(requeued.map(({ position }) => position)).toEqual(events.map(({ position }) => position))
      expect(requeued.map(({ event }) => event?.eventId)).toEqual(events.map(({ eventId }) => eventId))
      expect(requeued[0]).toMatchObject({ type: "unblock-ip.requested", subject })
      expect(await stateOf()).toEqual(["requeued", "requeued", "requeued"])
      expect((await letters.requeued(2)).map(({ position }) => position)).toEqual(
        events.slice(0, 2).map(({ position }) => position),
      )
    })

    test("one that blocks nothing comes alone", async () => {
      const events = await setAside(2, { blocksSubject: false })
      await harness.mark(events[1]!, "requeued")
      expect((await letters.requeued(10)).map(({ position }) => position)).toEqual([events[1]!.position])
    })

    test("says so when the event is not in the log", async () => {
      const gone = unblockRequested(subject)
      const { eventId, position, type } = gone
      await harness.insert({ source: "relay", reason: "unknown-type", eventId, position, type, subject })
      await harness.mark(gone, "requeued")
      expect((await letters.requeued(10)).map(({ event }) => event)).toEqual([null])
    })

    test("settles what went through and opens what failed, which counts as a try", async () => {
      const events = await setAside(2, { blocksSubject: false })
      for (const event of events) await harness.mark(event, "requeued")
      const [one, two] = await letters.requeued(10)
      const settled = [
        { letterId: one!.letterId, state: "resolved" },
        { letterId: two!.letterId, state: "open", failed: "unknown-type" },
      ] as const
      expect(await letters.settle(harness.epoch, settled, "block-subject")).toBe(true)
      expect(await harness.states()).toEqual([
        ["resolved", 1, "message-too-large"],
        ["open", 2, "unknown-type"],
      ])
      expect(await letters.glance()).toMatchObject({ unsettled: 1, requeued: false })
    })

    test.each([
      { policy: "block-subject", left: ["resolved", "open", "open", "open"] },
      { policy: "skip", left: ["resolved", "open", "requeued", "requeued"] },
    ] as const)(
      "one that fails opens all of its subject again, with $policy: $left",
      async ({ policy, left }) => {
        const events = await setAside(4)
        await harness.mark(events[0]!, "requeued")
        const [one, two] = await letters.requeued(2)
        const settled = [
          { letterId: one!.letterId, state: "resolved" },
          { letterId: two!.letterId, state: "open", failed: "message-too-large" },
        ] as const
        await letters.settle(harness.epoch, settled, policy)
        expect(await stateOf()).toEqual(left)
      },
    )

    test("one that was not tried keeps its reason and its tries", async () => {
      const [first] = await setAside(1)
      await harness.mark(first!, "requeued")
      const [one] = await letters.requeued(10)
      const settled = [{ letterId: one!.letterId, state: "open", failed: null }] as const
      await letters.settle(harness.epoch, settled, "block-subject")
      expect(await harness.states()).toEqual([["open", 1, "message-too-large"]])
    })

    test("settles nothing for an epoch that is not the newest", async () => {
      const [first] = await setAside(1)
      await harness.mark(first!, "requeued")
      const [one] = await letters.requeued(10)
      const settled = [{ letterId: one!.letterId, state: "resolved" }] as const
      expect(await letters.settle(harness.epoch - 1n, settled, "block-subject")).toBe(false)
      expect(await stateOf()).toEqual(["requeued"])
    })

    test("knows what a person has discarded", async () => {
      const [first, second] = await setAside(2)
      await harness.mark(first!, "discarded")
      const asked = [first!.eventId, second!.eventId, unblockRequested(subject).eventId]
      expect(await letters.discarded(asked)).toEqual(new Set([first!.eventId]))
      expect(await letters.blockedSubjects()).toEqual(new Map([[subject, second!.position]]))
    })

    test("gives each state to be announced until that was done; ids and codes only", async () => {
      const [first] = await setAside(1)
      const told = await letters.unannounced(10)
      expect(told).toMatchObject([
        { state: "open", subject, data: { source: "relay", reason: "message-too-large", state: "open" } },
      ])
      await letters.markAnnounced(told)
      expect(await letters.unannounced(10)).toEqual([])
      await harness.mark(first!, "discarded")
      expect((await letters.unannounced(10)).map(({ state }) => state)).toEqual(["discarded"])
      // Told a moment too late: the state has changed meanwhile.
      await letters.markAnnounced(told)
      expect((await letters.unannounced(10)).map(({ state }) => state)).toEqual(["discarded"])
    })
  })
}
