import fc from "fast-check"
import { beforeEach, describe, expect, test } from "vitest"
import { topicsWithPrefix } from "../../../src/bus/topics.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import type { PoisonPolicy } from "../../../src/domain/order.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import type { RelayCursor } from "../../../src/relay/ports.ts"
import { createRelay, type Relay } from "../../../src/relay/relay.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { anySubject, confirmed, event, unblockRequested } from "../../support/event-builders.ts"
import { testSeed } from "../../support/seed.ts"
import { createInMemoryDeadLetters } from "../../support/twins/dead-letters.ts"
import { createInMemoryEventPublisher } from "../../support/twins/event-publisher.ts"
import { createInMemoryEventSource } from "../../support/twins/event-source.ts"
import { createInMemoryBroker } from "../../support/twins/message-broker.ts"
import { createInMemoryRelayCursor } from "../../support/twins/relay-cursor.ts"
import { createInMemoryRelayLetters } from "../../support/twins/relay-letters.ts"

const topics = topicsWithPrefix("t")
const LOOK_MS = 11_000
const { signal } = new AbortController()

/** A request that the broker refuses until it takes larger ones. */
function huge(subject: Subject): EventRecord {
  return { ...unblockRequested(subject), payload: { text: "x".repeat(2_000) } }
}

function openWorld(onPoison: PoisonPolicy, batchSize = 10) {
  let nowMs = 1_000_000
  const clock = { ...systemClock, nowMs: () => nowMs }
  const log = createInMemoryEventSource()
  const store = createInMemoryDeadLetters()
  const cursor = createInMemoryRelayCursor(clock, store)
  const broker = createInMemoryBroker()
  const publisher = createInMemoryEventPublisher(broker)
  publisher.takeUpTo(1_000)
  const letters = createInMemoryRelayLetters(store, { eventAt: log.eventAt, isNewest: cursor.isNewest })

  const relay = (
    holder = "a",
    overrides: Partial<typeof letters> = {},
    advance: RelayCursor["advance"] = cursor.cursor.advance,
  ) =>
    createRelay({
      source: log.source,
      cursor: { ...cursor.cursor, advance },
      letters: { ...letters, ...overrides },
      onPoison,
      publisher: publisher.publisher,
      topics,
      clock,
      holder,
      leaseMs: 5_000,
      batchSize,
      logger: silentLogger,
    })

  async function drain(target: Relay): Promise<void> {
    for (let did = await target.tick(signal); did > 0; did = await target.tick(signal));
  }

  function messages(topic: string) {
    return [0, 1, 2].flatMap(partition => broker.read(topic, partition))
  }

  /** First appearances only: consumers know an event by its id. */
  function positionsOf(subject: Subject, topic = topics["ip-block"]): readonly bigint[] {
    const ours = messages(topic).filter(({ key }) => key === subject)
    return [...new Set(ours.map(({ headers }) => BigInt(headers.ce_position ?? 0)))]
  }

  return {
    log,
    store,
    cursor,
    publisher,
    letters,
    relay,
    drain,
    messages,
    positionsOf,
    pass: (ms: number) => {
      nowMs += ms
    },
    /** As a person asks for it. */
    requeue(...events: readonly EventRecord[]) {
      for (const row of store.rows) {
        if (row.state === "open" && events.some(({ eventId }) => eventId === row.eventId))
          row.state = "requeued"
      }
    },
    reasons: () => store.rows.map(({ position, reason, state }) => [position, reason, state]),
  }
}

const positions = (...events: readonly EventRecord[]) => events.map(({ position }) => position)

describe("an event that cannot be published", () => {
  let world: ReturnType<typeof openWorld>
  let subject: Subject
  beforeEach(() => {
    world = openWorld("block-subject")
    subject = anySubject()
  })

  test.each(["unknown", "huge"] as const)(
    "holds back what comes after it of its subject, in its batch and later, and nothing else (%s)",
    async kind => {
      const before = unblockRequested(subject)
      const poison = kind === "huge" ? huge(subject) : event("teleport-patient.requested", subject)
      const [after, other] = [unblockRequested(subject), unblockRequested(anySubject())]
      world.log.append(before, poison, after, other)
      const relay = world.relay()
      await world.drain(relay)
      const later = unblockRequested(subject)
      world.log.append(later)
      await world.drain(relay)
      expect(world.positionsOf(subject)).toEqual([before.position])
      expect(world.positionsOf(other.subject)).toHaveLength(1)
      expect(world.reasons()).toEqual([
        [poison.position, kind === "huge" ? "message-too-large" : "unknown-type", "open"],
        [after.position, "subject-blocked", "open"],
        [later.position, "subject-blocked", "open"],
      ])
    },
  )

  test("with skip, holds back nothing", async () => {
    world = openWorld("skip")
    const [before, poison, after] = [unblockRequested(subject), huge(subject), unblockRequested(subject)]
    world.log.append(before, poison, after)
    await world.drain(world.relay())
    expect(world.positionsOf(subject)).toEqual(positions(before, after))
    expect(world.reasons()).toEqual([[poison.position, "message-too-large", "open"]])
  })

  test("lets results and removals of its subject pass, and is passed when it is one itself", async () => {
    const request = unblockRequested(subject)
    const poison = huge(subject)
    const result = confirmed(request)
    const removal = event("ip-block.removed", subject, { blockVersion: "1", rows: 0 })
    const news = event("teleport-patient.confirmed", anySubject())
    const next = unblockRequested(news.subject)
    world.log.append(request, poison, result, removal, news, next)
    await world.drain(world.relay())
    expect(world.positionsOf(subject, topics.results)).toEqual(positions(result, removal))
    expect(world.positionsOf(news.subject)).toEqual(positions(next))
    expect(world.reasons().map(([position]) => position)).toEqual(positions(poison, news))
  })

  test("one whose time no message can say is set aside, and the relay goes on", async () => {
    const timeless = { ...unblockRequested(subject), occurredAtMs: Number.POSITIVE_INFINITY }
    const other = unblockRequested(anySubject())
    world.log.append(timeless, other)
    await world.drain(world.relay())
    expect(world.positionsOf(other.subject)).toHaveLength(1)
    expect(world.reasons()).toEqual([[timeless.position, "invalid-record", "open"]])
  })

  test("goes, once requeued and mended, with all that waited behind it, in order", async () => {
    const [poison, after, other] = [huge(subject), unblockRequested(subject), unblockRequested(anySubject())]
    world.log.append(poison, after, other)
    const relay = world.relay()
    await world.drain(relay)
    world.publisher.takeUpTo(10_000)
    const last = unblockRequested(subject)
    world.requeue(poison)
    world.log.append(last)
    await world.drain(relay)
    world.pass(LOOK_MS)
    await world.drain(relay)
    expect(world.positionsOf(subject)).toEqual(positions(poison, after, last))
    expect(world.reasons().map(([, , state]) => state)).toEqual(["resolved", "resolved", "resolved"])
    const next = unblockRequested(subject)
    world.log.append(next)
    await world.drain(relay)
    expect(world.positionsOf(subject)).toEqual(positions(poison, after, last, next))
  })

  test("stays, requeued but not mended, and holds back as before, also what one pass does not reach", async () => {
    world = openWorld("block-subject", 2)
    const poison = huge(subject)
    const after = Array.from({ length: 5 }, () => unblockRequested(subject))
    world.log.append(poison, ...after)
    const relay = world.relay()
    await world.drain(relay)
    world.requeue(poison)
    world.pass(LOOK_MS)
    await world.drain(relay)
    world.log.append(unblockRequested(subject))
    await world.drain(relay)
    expect(world.positionsOf(subject)).toEqual([])
    expect(world.store.rows.map(({ state, attempts }) => [state, attempts])).toEqual([
      ["open", 2],
      ...Array.from({ length: 6 }, () => ["open", 1]),
    ])
  })

  test("is not forgotten by a look before it is stored", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { cursor } = world.cursor
    const relay = world.relay("a", {}, async (...args) => {
      await promise
      return cursor.advance(...args)
    })
    world.log.append(huge(subject))
    await relay.tick(signal)
    world.pass(LOOK_MS)
    const looking = relay.tick(signal)
    setImmediate(resolve)
    await looking
    world.log.append(unblockRequested(subject))
    await world.drain(relay)
    expect(world.positionsOf(subject)).toEqual([])
  })

  test("is known to a relay that was away while another set it aside", async () => {
    const [first, second] = [world.relay("a"), world.relay("b")]
    world.log.append(unblockRequested(anySubject()))
    await world.drain(first)
    world.pass(5_000)
    world.log.append(huge(subject))
    await world.drain(second)
    await second.release()
    world.log.append(unblockRequested(subject))
    await world.drain(first)
    expect(world.positionsOf(subject)).toEqual([])
    expect(world.store.rows).toHaveLength(2)
  })

  test("one that is not in the log any more stays open, and nothing of its subject overtakes it", async () => {
    const [poison, after] = [huge(subject), unblockRequested(subject)]
    world.log.append(poison, after)
    const relay = world.relay("a", {
      requeued: async limit =>
        (await world.letters.requeued(limit)).map(each =>
          each.position === poison.position ? { ...each, event: null } : each,
        ),
    })
    await world.drain(relay)
    world.publisher.takeUpTo(10_000)
    world.requeue(poison)
    world.pass(LOOK_MS)
    await world.drain(relay)
    expect(world.positionsOf(subject)).toEqual([])
    expect(world.reasons().map(([, , state]) => state)).toEqual(["open", "open"])
  })

  test("is sent again by the next relay when the first died between sending and storing that", async () => {
    const [poison, after] = [huge(subject), unblockRequested(subject)]
    world.log.append(poison, after)
    await world.drain(world.relay())
    world.publisher.takeUpTo(10_000)
    world.requeue(poison)
    world.pass(LOOK_MS)
    const dying = world.relay("a", { settle: () => Promise.reject(new Error("killed")) })
    await expect(dying.tick(signal)).rejects.toThrow("killed")
    world.pass(LOOK_MS)
    const last = unblockRequested(subject)
    world.log.append(last)
    await world.drain(world.relay("b"))
    expect(world.positionsOf(subject)).toEqual(positions(poison, after, last))
    expect(world.reasons().map(([, , state]) => state)).toEqual(["resolved", "resolved"])
  })

  test.each(["before-writing", "after-writing"] as const)(
    "is sent again when the broker did not answer (%s)",
    async when => {
      const [poison, after] = [huge(subject), unblockRequested(subject)]
      world.log.append(poison, after)
      const relay = world.relay()
      await world.drain(relay)
      world.pass(LOOK_MS)
      await world.drain(relay)
      world.publisher.takeUpTo(10_000)
      world.requeue(poison)
      world.pass(LOOK_MS)
      world.publisher.failNext(1, when)
      await expect(relay.tick(signal)).rejects.toThrow()
      expect(world.reasons().map(([, , state]) => state)).toEqual(["requeued", "requeued"])
      await world.drain(relay)
      expect(world.positionsOf(subject)).toEqual(positions(poison, after))
    },
  )

  test("a relay that lost its lease while sending again stores nothing of it", async () => {
    const poison = huge(subject)
    world.log.append(poison)
    const old = world.relay("a", {
      settle: async (epoch, settled, policy) => {
        world.pass(LOOK_MS)
        await world.cursor.cursor.acquire("b", 60_000)
        return world.letters.settle(epoch, settled, policy)
      },
    })
    await world.drain(old)
    world.publisher.takeUpTo(10_000)
    world.requeue(poison)
    world.pass(LOOK_MS)
    expect(await old.tick(signal)).toBe(0)
    expect(world.reasons()).toEqual([[poison.position, "message-too-large", "requeued"]])
  })

  test("stays discarded, and holds nothing back, when the log is sent again", async () => {
    const [before, poison, after] = [unblockRequested(subject), huge(subject), unblockRequested(subject)]
    world.log.append(before, poison, after)
    const relay = world.relay()
    await world.drain(relay)
    for (const row of world.store.rows)
      row.state = row.position === poison.position ? "discarded" : "requeued"
    world.pass(LOOK_MS)
    await world.drain(relay)
    expect(world.positionsOf(subject)).toEqual(positions(before, after))
    world.cursor.goBackTo(0n)
    world.pass(LOOK_MS)
    await world.drain(relay)
    expect(world.reasons().map(([, , state]) => state)).toEqual(["discarded", "resolved"])
    const next = unblockRequested(subject)
    world.log.append(next)
    await world.drain(relay)
    expect(world.positionsOf(subject)).toEqual(positions(before, after, next))
  })

  test("is announced on the dead-letters topic with each state, and a topic that fails holds up nothing", async () => {
    const poison = huge(subject)
    world.log.append(poison)
    const relay = world.relay()
    await world.drain(relay)
    world.pass(LOOK_MS)
    world.publisher.failNext(1, "before-writing")
    await world.drain(relay)
    const other = unblockRequested(anySubject())
    world.log.append(other)
    await world.drain(relay)
    expect(world.positionsOf(other.subject)).toHaveLength(1)
    expect(world.messages(topics.deadLetters)).toEqual([])
    world.pass(61_000)
    await world.drain(relay)
    world.publisher.takeUpTo(10_000)
    world.requeue(poison)
    for (let looks = 0; looks < 2; looks += 1) {
      world.pass(LOOK_MS)
      await world.drain(relay)
    }
    const told = world.messages(topics.deadLetters)
    expect(told.map(({ headers }) => headers.ce_type)).toEqual([
      "caregrid.dead-letter.open",
      "caregrid.dead-letter.resolved",
    ])
    expect(told[0]?.key).toBe(subject)
    expect(JSON.parse(told[0]?.value ?? "")).toMatchObject({ reason: "message-too-large", source: "relay" })
  })

  test("many requeued ones go in several passes, none before an earlier one of its subject", async () => {
    world = openWorld("block-subject", 3)
    const subjects = [anySubject(), anySubject()]
    const events = Array.from({ length: 20 }, (_, index) => {
      const target = subjects[index % 2]!
      return index < 2 ? huge(target) : unblockRequested(target)
    })
    world.log.append(...events)
    const relay = world.relay()
    await world.drain(relay)
    world.publisher.takeUpTo(10_000)
    world.requeue(...events.slice(0, 2))
    world.pass(LOOK_MS)
    await world.drain(relay)
    for (const each of subjects) {
      const own = events.filter(found => found.subject === each)
      expect(world.positionsOf(each)).toEqual(positions(...own))
    }
  })
})

const seed = testSeed()
describe(`random poison, requeues, crashes and standstills (seed ${seed})`, () => {
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant("append" as const), subject: fc.nat(3), kind: fc.nat(9) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("tick" as const), times: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("requeue" as const), which: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("limit" as const), raised: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const), after: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("look" as const) }) },
  )

  test("each subject's events come in the order of the log, and in the end without gaps", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), async actions => {
        const world = openWorld("block-subject", 4)
        const subjects = [anySubject(), anySubject(), anySubject(), anySubject()]
        const events: EventRecord[] = []
        let relays = 0
        let relay = world.relay("relay-0")
        const tick = () => relay.tick(signal).catch(() => 0)
        for (const step of actions) {
          switch (step.do) {
            case "append": {
              const subject = subjects[step.subject]!
              events.push(step.kind === 0 ? huge(subject) : unblockRequested(subject))
              world.log.append(events.at(-1)!)
              break
            }
            case "tick":
              for (let time = 0; time < step.times; time += 1) await tick()
              break
            case "requeue": {
              const row = world.store.rows[step.which % Math.max(1, world.store.rows.length)]
              if (row?.state === "open") row.state = "requeued"
              break
            }
            case "limit":
              world.publisher.takeUpTo(step.raised ? 10_000 : 1_000)
              break
            case "fail":
              world.publisher.failNext(1, step.after ? "after-writing" : "before-writing")
              break
            case "restart":
              relays += 1
              world.pass(6_000)
              relay = world.relay(`relay-${relays}`)
              break
            case "look":
              world.pass(LOOK_MS)
          }
          for (const subject of subjects) expectPrefix(world.positionsOf(subject), ownOf(events, subject))
        }
        world.publisher.takeUpTo(10_000)
        for (let round = 0; round < 6; round += 1) {
          for (const row of world.store.rows) if (row.state === "open") row.state = "requeued"
          world.pass(61_000)
          for (let time = 0; time < 40; time += 1) await tick()
        }
        for (const subject of subjects) {
          expect(world.positionsOf(subject)).toEqual(positions(...ownOf(events, subject)))
        }
        expect(world.store.rows.every(({ state }) => state === "resolved")).toBe(true)
      }),
      { seed, numRuns: Number(process.env.TEST_POISON_RUNS ?? 150) },
    )
  }, 60_000)
})

function ownOf(events: readonly EventRecord[], subject: Subject): readonly EventRecord[] {
  return events.filter(each => each.subject === subject)
}

/** What came is how the log begins: in its order, and nothing left out before what came. */
function expectPrefix(came: readonly bigint[], own: readonly EventRecord[]): void {
  expect(came).toEqual(positions(...own.slice(0, came.length)))
}
