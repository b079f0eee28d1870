import { pino } from "pino"
import { beforeEach, describe, expect, test } from "vitest"
import type { EventBatch, Subscription } from "../../../src/bus/consume.ts"
import { toMessage } from "../../../src/bus/envelope.ts"
import type { BusFindings } from "../../../src/bus/findings.ts"
import { runConsumer } from "../../../src/bus/run-consumer.ts"
import { toLogged } from "../../../src/domain/event.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { anySubject, unblockRequested } from "../../support/event-builders.ts"
import { createInMemoryBusFindings } from "../../support/twins/bus-findings.ts"
import { createInMemoryBroker, type InMemoryBroker } from "../../support/twins/message-broker.ts"
import { createInMemorySubscription } from "../../support/twins/subscription.ts"
import { until } from "../../support/until.ts"

const topic = "topic"

describe("runConsumer", () => {
  let broker: InMemoryBroker
  let stored: Map<number, bigint>
  let handled: EventBatch[]
  let errors: string[]
  let findings: BusFindings
  beforeEach(() => {
    broker = createInMemoryBroker(1)
    stored = new Map()
    handled = []
    errors = []
    findings = createInMemoryBusFindings()
  })

  function write(count: number): string[] {
    const events = Array.from({ length: count }, () => unblockRequested(anySubject()))
    for (const event of events) broker.write(topic, toMessage(toLogged(event), topic))
    return events.map(({ eventId }) => eventId)
  }

  const handledIds = () => handled.flatMap(batch => batch.events.map(({ eventId }) => eventId))

  /** Runs until `fits`, then stops. */
  async function consumeUntil(
    fits: () => boolean,
    rest: {
      subscription?: Subscription
      handle?: (batch: EventBatch) => Promise<void>
      overloaded?: () => Promise<boolean>
    } = {},
  ): Promise<void> {
    const stop = new AbortController()
    const logger = pino({ level: "error" }, { write: line => void errors.push(line) })
    const ended = runConsumer({
      subscription: rest.subscription ?? createInMemorySubscription(broker),
      groupId: "group",
      topics: [topic],
      offsets: { storedOffset: async (_group, _topic, partition) => stored.get(partition) ?? null },
      async handle(batch) {
        await rest.handle?.(batch)
        if ((stored.get(batch.partition) ?? null) !== batch.storedOffset) return { outcome: "moved" }
        handled.push(batch)
        stored.set(batch.partition, batch.nextOffset)
        return { outcome: "stored" }
      },
      ...(rest.overloaded ? { overloaded: rest.overloaded } : {}),
      lookBackEveryMs: 20,
      findings,
      logger,
      clock: systemClock,
      signal: stop.signal,
    })
    await until(fits, yes => yes)
    stop.abort()
    await ended
  }

  test("hands over events in order, once", async () => {
    const ids = write(35)
    await consumeUntil(() => handledIds().length >= 35)
    expect(handledIds()).toEqual(ids)
    expect(handled[0]).toMatchObject({ consumerGroup: "group", topic, partition: 0 })
  })

  test("hands over what it cannot read beside the rest", async () => {
    const [first] = write(1)
    broker.write(topic, { key: null, value: "not ours", headers: {} })
    const [third] = write(1)
    await consumeUntil(() => (stored.get(0) ?? 0n) >= 3n)
    expect(handledIds()).toEqual([first, third])
    expect(handled.flatMap(batch => batch.malformed.map(({ reason }) => reason))).toEqual(["bad-headers"])
  })

  test.each([new Error("database gone"), new TypeError("a bug")])(
    "gives the same batch again after %s, and skips nothing",
    async error => {
      const ids = write(25)
      let failures = 2
      await consumeUntil(() => handledIds().length >= 25, {
        handle: async () => {
          if (failures > 0) {
            failures -= 1
            throw error
          }
        },
      })
      expect(handledIds()).toEqual(ids)
    },
  )

  test("does not handle again what a client delivers from before the stored offset", async () => {
    const ids = write(25)
    stored.set(0, 20n)
    await consumeUntil(() => handledIds().length >= 5, {
      subscription: createInMemorySubscription(broker, { startsStale: true }),
    })
    expect(handledIds()).toEqual(ids.slice(20))
  })

  test("asks for the offset at each batch, as another member may have moved it", async () => {
    const ids = write(30)
    await consumeUntil(() => (stored.get(0) ?? 0n) >= 30n, {
      handle: async batch => {
        if (batch.nextOffset !== 10n) return
        // Another member was assigned the partition, handled more, and lost it again.
        queueMicrotask(() => queueMicrotask(() => stored.set(0, 25n)))
      },
    })
    expect(handledIds()).toEqual([...ids.slice(0, 10), ...ids.slice(25)])
  })

  test.each([
    { state: "nothing", offset: null },
    { state: "less", offset: 3n },
  ])(
    "handles again what is missing in a database that goes back while a batch is handled, to $state",
    async ({ offset }) => {
      const ids = write(25)
      let failedOver = false
      await consumeUntil(() => (stored.get(0) ?? 0n) >= 25n, {
        handle: async batch => {
          if (failedOver || batch.nextOffset !== 25n) return
          failedOver = true
          if (offset === null) stored.clear()
          else stored.set(0, offset)
        },
      })
      expect(handledIds()).toEqual([...ids.slice(0, 20), ...ids.slice(Number(offset ?? 0n))])
    },
  )

  test("handles again what is missing in a database that went back while nothing came", async () => {
    const ids = write(25)
    const before: string[] = []
    await consumeUntil(() => {
      if (before.length === 0 && (stored.get(0) ?? 0n) >= 25n) {
        before.push(...handledIds())
        stored.set(0, 3n)
      }
      return before.length > 0 && (stored.get(0) ?? 0n) >= 25n
    })
    expect(handledIds()).toEqual([...ids, ...ids.slice(3)])
  })

  test("goes on after messages that retention took, and reports it", async () => {
    const ids = write(25)
    stored.set(0, 3n)
    broker.dropBefore(topic, 0, 10n)
    await consumeUntil(() => handledIds().length >= 15)
    expect(handledIds()).toEqual(ids.slice(10))
    expect(errors.join()).toContain("messages-expired")
    expect(await findings.list()).toMatchObject([{ finding: "messages-expired", about: "group topic/0" }])
  })

  test("reads all again when the broker has less than was read, and reports it", async () => {
    const ids = write(5)
    stored.set(0, 50n)
    await consumeUntil(() => handledIds().length >= 5)
    expect(handledIds()).toEqual(ids)
    expect(errors.join()).toContain("messages-gone")
    expect(await findings.list()).toMatchObject([{ finding: "messages-gone", about: "group topic/0" }])
  })

  test("takes nothing while overloaded, and goes on afterwards", async () => {
    const ids = write(5)
    let asked = 0
    const overloaded = async () => {
      asked += 1
      if (asked <= 2) expect(handled).toEqual([])
      return asked <= 2
    }
    await consumeUntil(() => handledIds().length >= 5, { overloaded })
    expect(asked).toBe(3)
    expect(handledIds()).toEqual(ids)
  })

  test("rejects when the subscription is broken for good", async () => {
    const broken: Subscription = { run: async () => Promise.reject(new Error("wrong password")) }
    await expect(consumeUntil(() => true, { subscription: broken })).rejects.toThrow("wrong password")
  })
})
