import { afterEach, describe, expect, test } from "vitest"
import { parseBatch } from "../../src/bus/consume.ts"
import { toMessage } from "../../src/bus/envelope.ts"
import { createIntake } from "../../src/chain-writer/intake.ts"
import type { OperationQueue } from "../../src/chain-writer/ports.ts"
import type { DeadLetters } from "../../src/dead-letters/ports.ts"
import { type EventRecord, toLogged } from "../../src/domain/event.ts"
import type { PoisonPolicy } from "../../src/domain/order.ts"
import { anySubject, event, unblockRequested } from "../support/event-builders.ts"

export interface OperationOrderHarness {
  readonly queue: OperationQueue
  readonly deadLetters: DeadLetters
  /** Positions of the operations that wait for the chain. */
  queued(): Promise<readonly bigint[]>
  close(): Promise<void>
}

/** What the port OperationQueue promises about requests that cannot be read, and about those behind them. */
export function operationOrderConformance(
  name: string,
  open: (onPoison: PoisonPolicy) => Promise<OperationOrderHarness>,
): void {
  describe(`order of operations: ${name}`, () => {
    let harness: OperationOrderHarness
    let nextOffset: bigint
    afterEach(() => harness.close())

    async function start(onPoison: PoisonPolicy): Promise<void> {
      harness = await open(onPoison)
      nextOffset = 0n
    }

    /** As messages on one partition, through intake. `garble` makes them unreadable. */
    async function receive(...events: readonly (EventRecord | { readonly garbled: EventRecord })[]) {
      const topic = "topic"
      const messages = events.map((given, index) => {
        const isGarbled = "garbled" in given
        const message = toMessage(toLogged(isGarbled ? given.garbled : given), topic)
        const offset = nextOffset + BigInt(index)
        return { ...message, partition: 0, offset, value: isGarbled ? "{" : message.value }
      })
      const stored = nextOffset === 0n ? null : nextOffset
      const fetchOffset = nextOffset
      nextOffset += BigInt(events.length)
      const received = {
        topic,
        partition: 0,
        fetchOffset,
        messages,
        nextOffset,
        lowOffset: 0n,
        endOffset: null,
      }
      const intake = createIntake({ queue: harness.queue, maxPendingOperations: 100 })
      expect(await intake.handle(parseBatch(received, "group", stored))).toEqual({ outcome: "stored" })
    }

    const positions = (...events: readonly EventRecord[]) => events.map(({ position }) => position)
    const letters = async () =>
      (await harness.deadLetters.list({ limit: 100 }))
        .map(({ position, reason, state, blocksSubject }) => [position, reason, state, blocksSubject])
        .toSorted(([one], [other]) => ((one as bigint) < (other as bigint) ? -1 : 1))

    test("what comes after one that cannot be read waits behind it, in its batch and later; others go", async () => {
      await start("block-subject")
      const subject = anySubject()
      const [before, poison, after] = [0, 1, 2].map(() => unblockRequested(subject))
      const [other, later] = [unblockRequested(anySubject()), unblockRequested(subject)]
      await receive(before!, { garbled: poison! }, after!, other)
      await receive(later)
      expect(await harness.queued()).toEqual(positions(before!, other))
      expect(await letters()).toEqual([
        [poison!.position, "bad-json", "open", true],
        [after!.position, "subject-blocked", "open", true],
        [later.position, "subject-blocked", "open", true],
      ])
    })

    test("a payload that fails its schema never waits for the chain", async () => {
      await start("block-subject")
      const poison = event("add-attack-signature.requested", anySubject(), { severity: "high" })
      await receive(poison)
      expect(await harness.queued()).toEqual([])
      expect(await letters()).toEqual([[poison.position, "bad-payload", "open", true]])
    })

    test("with skip, all that can be read goes", async () => {
      await start("skip")
      const subject = anySubject()
      const [poison, after] = [unblockRequested(subject), unblockRequested(subject)]
      await receive({ garbled: poison }, after)
      expect(await harness.queued()).toEqual(positions(after))
      expect(await letters()).toEqual([[poison.position, "bad-json", "open", false]])
    })

    test("a message that nobody can place holds nothing back", async () => {
      await start("block-subject")
      const request = unblockRequested(anySubject())
      await receive({ garbled: { ...request, eventId: "none" } }, request)
      expect(await harness.queued()).toEqual(positions(request))
    })

    test("what comes again and can be read goes, and lets go what waits behind it when that comes again", async () => {
      await start("block-subject")
      const subject = anySubject()
      const [poison, after, last] = [0, 1, 2].map(() => unblockRequested(subject))
      await receive({ garbled: poison! }, after!)
      await receive(after!)
      expect(await harness.queued()).toEqual([])
      await receive(poison!, after!, last!)
      expect(await harness.queued()).toEqual(positions(poison!, after!, last!))
      expect((await letters()).map(([, , state]) => state)).toEqual(["resolved", "resolved"])
    })

    test("what came before it may come again at any time", async () => {
      await start("block-subject")
      const subject = anySubject()
      const [before, poison] = [unblockRequested(subject), unblockRequested(subject)]
      await receive({ garbled: poison })
      await receive(before)
      expect(await harness.queued()).toEqual(positions(before))
    })

    test("one that was resolved and fails again is open again", async () => {
      await start("block-subject")
      const poison = unblockRequested(anySubject())
      await receive({ garbled: poison })
      await receive(poison)
      await receive({ garbled: poison })
      expect(await harness.deadLetters.list({ limit: 10 })).toMatchObject([{ state: "open", attempts: 2 }])
    })
  })
}
