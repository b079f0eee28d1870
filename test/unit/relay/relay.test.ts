import { beforeEach, describe, expect, test } from "vitest"
import { topicsWithPrefix } from "../../../src/bus/topics.ts"
import { type EventRecord, toLogged } from "../../../src/domain/event.ts"
import type { PoisonPolicy } from "../../../src/domain/order.ts"
import { createRelay, type Relay } from "../../../src/relay/relay.ts"
import type { Clock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { anySubject, event, unblockRequested } from "../../support/event-builders.ts"
import { createInMemoryDeadLetters, type InMemoryDeadLetters } from "../../support/twins/dead-letters.ts"
import {
  createInMemoryEventPublisher,
  type InMemoryEventPublisher,
} from "../../support/twins/event-publisher.ts"
import { createInMemoryEventSource, type InMemoryEventSource } from "../../support/twins/event-source.ts"
import { createInMemoryBroker, type InMemoryBroker } from "../../support/twins/message-broker.ts"
import { createInMemoryRelayCursor, type InMemoryRelayCursor } from "../../support/twins/relay-cursor.ts"
import { createInMemoryRelayLetters } from "../../support/twins/relay-letters.ts"

const topics = topicsWithPrefix("t")
const topic = topics["ip-block"]
const LEASE_MS = 30_000

describe("relay", () => {
  let nowMs: number
  let log: InMemoryEventSource
  let cursor: InMemoryRelayCursor
  let store: InMemoryDeadLetters
  let broker: InMemoryBroker
  let publisher: InMemoryEventPublisher
  const { signal } = new AbortController()
  const turn = () => new Promise<void>(resolve => setImmediate(resolve))
  const clock: Clock = { nowMs: () => nowMs, sleep: turn }

  beforeEach(() => {
    nowMs = 1_000_000
    log = createInMemoryEventSource()
    store = createInMemoryDeadLetters()
    cursor = createInMemoryRelayCursor({ nowMs: () => nowMs }, store)
    broker = createInMemoryBroker()
    publisher = createInMemoryEventPublisher(broker)
  })

  const letters = () =>
    createInMemoryRelayLetters(store, { eventAt: log.eventAt, isNewest: epoch => cursor.isNewest(epoch) })

  function relay(holder: string, batchSize = 10, onPoison: PoisonPolicy = "block-subject"): Relay {
    return createRelay({
      source: log.source,
      cursor: cursor.cursor,
      letters: letters(),
      onPoison,
      publisher: publisher.publisher,
      topics,
      clock,
      holder,
      leaseMs: LEASE_MS,
      batchSize,
      logger: silentLogger,
    })
  }

  const positionsOf = (events: readonly EventRecord[]) => events.map(({ position }) => position)
  const published = (name = topic) =>
    [0, 1, 2]
      .flatMap(partition => broker.read(name, partition))
      .map(message => BigInt(message.headers.ce_position ?? 0))
  const sorted = (positions: readonly bigint[]) =>
    positions.toSorted((left, right) => (left < right ? -1 : 1))

  async function drain(target: Relay): Promise<number> {
    let total = 0
    for (let did = await target.tick(signal); did > 0; did = await target.tick(signal)) total += did
    // The cursor's last move is stored after its pause.
    await turn()
    return total
  }

  test("moves all to the bus, in order for each subject, and says how much", async () => {
    const subjects = [anySubject(), anySubject(), anySubject()]
    const events = Array.from({ length: 95 }, (_, index) => unblockRequested(subjects[index % 3]!))
    log.append(...events)
    expect(await drain(relay("a"))).toBe(95)
    expect(sorted(published())).toEqual(positionsOf(events))
    for (const partition of [0, 1, 2]) {
      const positions = broker.read(topic, partition).map(message => BigInt(message.headers.ce_position ?? 0))
      expect(positions).toEqual(sorted(positions))
    }
    expect(cursor.position()).toBe(events.at(-1)?.position)
  })

  test("sends each event to the topic of its type", async () => {
    log.append(
      event("register-patient.requested", anySubject()),
      event("ip-block.expired", anySubject()),
      event("block-ip.confirmed", anySubject()),
    )
    expect(await drain(relay("a"))).toBe(3)
    expect([topics.patient, topic, topics.results].map(name => published(name).length)).toEqual([1, 1, 1])
  })

  test("goes on where the last relay stopped", async () => {
    log.append(unblockRequested(anySubject()))
    const first = relay("a")
    await drain(first)
    await first.release()
    const next = unblockRequested(anySubject())
    log.append(next)
    expect(await drain(relay("b"))).toBe(1)
    expect(published()).toHaveLength(2)
  })

  test("does nothing while another has the lease, and takes over when it ran out", async () => {
    log.append(unblockRequested(anySubject()))
    await cursor.cursor.acquire("a", LEASE_MS)
    const standby = relay("b")
    expect(await drain(standby)).toBe(0)
    nowMs += LEASE_MS + 1
    expect(await drain(standby)).toBe(1)
  })

  test("a relay that lost its lease while sending moves nothing, and stops", async () => {
    const events = Array.from({ length: 30 }, () => unblockRequested(anySubject()))
    log.append(...events)
    const old = relay("a")
    expect(await old.tick(signal)).toBe(10)
    await turn()
    nowMs += LEASE_MS + 1
    const stolen = await cursor.cursor.acquire("b", LEASE_MS)
    // The old one's clock stands back: it believes that it still has the lease.
    nowMs -= LEASE_MS
    // What it was sending still goes out, as duplicates of what the other sends.
    expect(await old.tick(signal)).toBe(10)
    expect(cursor.position()).toBe(events[9]?.position)
    await turn()
    expect(await old.tick(signal)).toBe(0)
    expect(cursor.position()).toBe(events[9]?.position)
    expect(await cursor.cursor.advance(stolen?.epoch ?? 0n, events[29]?.position ?? 0n)).toBe(true)
    expect(await old.tick(signal)).toBe(0)
    expect(published()).toHaveLength(20)
  })

  test("after a renewal under another epoch it goes on from the cursor, not from what it had read", async () => {
    const events = Array.from({ length: 30 }, () => unblockRequested(anySubject()))
    log.append(...events)
    const old = relay("a")
    await old.tick(signal)
    nowMs += LEASE_MS + 1
    const other = await cursor.cursor.acquire("b", 1)
    await cursor.cursor.advance(other?.epoch ?? 0n, events[24]?.position ?? 0n)
    nowMs += 2
    expect(await drain(old)).toBe(5)
    expect(sorted(published())).toEqual(positionsOf([...events.slice(0, 10), ...events.slice(25)]))
  })

  test("a database that goes back is read from where it then stands, also below what was sent", async () => {
    const subject = anySubject()
    const kept = unblockRequested(subject)
    const writtenAfterwards = unblockRequested(subject)
    const lost = unblockRequested(subject)
    log.append(kept, lost)
    const target = relay("a")
    await drain(target)
    cursor.goBackTo(kept.position)
    log.append(writtenAfterwards)
    nowMs += LEASE_MS / 2
    await drain(target)
    expect(published()).toContain(writtenAfterwards.position)
  })

  test("a crash between the acknowledgement and the cursor sends again, and loses nothing", async () => {
    const events = Array.from({ length: 25 }, () => unblockRequested(anySubject()))
    log.append(...events)
    publisher.failNext(1, "after-writing")
    const target = relay("a")
    await expect(target.tick(signal)).rejects.toThrow("acknowledgement")
    expect(cursor.position()).toBe(0n)
    expect(await drain(target)).toBe(25)
    expect(published()).toHaveLength(35)
    expect(new Set(published())).toEqual(new Set(positionsOf(events)))
  })

  test("waits through an outage and then sends all in order", async () => {
    const subject = anySubject()
    const events = Array.from({ length: 25 }, () => unblockRequested(subject))
    log.append(...events)
    publisher.failNext(3, "before-writing")
    const target = relay("a")
    for (let pass = 0; pass < 3; pass += 1) await expect(target.tick(signal)).rejects.toThrow("reached")
    await drain(target)
    expect(published()).toEqual(positionsOf(events))
  })

  test("sets a poisonous event aside and lets all others flow, in order", async () => {
    const subject = anySubject()
    const events = Array.from({ length: 25 }, () => unblockRequested(subject))
    const huge = { ...events[7]!, payload: { text: "x".repeat(2_000_000) } }
    log.append(...events.slice(0, 7), huge, ...events.slice(8))
    expect(await drain(relay("a", 10, "skip"))).toBe(25)
    expect(cursor.setAside().map(({ event: { position }, reason }) => ({ position, reason }))).toEqual([
      { position: huge.position, reason: "message-too-large" },
    ])
    const firsts = [...new Set(published())]
    expect(firsts).toEqual(positionsOf(events.filter((_, index) => index !== 7)))
  })

  test("sets an event of unknown type aside and lets all others flow", async () => {
    const [before, after] = [unblockRequested(anySubject()), unblockRequested(anySubject())]
    const unknown = event("teleport-patient.requested", anySubject())
    log.append(before, after, unknown)
    expect(await drain(relay("a"))).toBe(3)
    expect(cursor.setAside()).toEqual([
      { event: toLogged(unknown), reason: "unknown-type", blocksSubject: true },
    ])
    expect(new Set(published())).toEqual(new Set(positionsOf([before, after])))
  })

  test("waits through an error of the cursor and sends again what was not stored", async () => {
    const events = Array.from({ length: 25 }, () => unblockRequested(anySubject()))
    log.append(...events)
    let fails = 1
    const target = createRelay({
      source: log.source,
      cursor: {
        ...cursor.cursor,
        advance: (epoch, position, setAside) =>
          fails-- > 0 ? Promise.reject(new Error("cut")) : cursor.cursor.advance(epoch, position, setAside),
      },
      letters: letters(),
      onPoison: "block-subject",
      publisher: publisher.publisher,
      topics,
      clock,
      holder: "a",
      leaseMs: LEASE_MS,
      batchSize: 10,
      logger: silentLogger,
    })
    expect(await target.tick(signal)).toBe(10)
    await expect(target.tick(signal)).rejects.toThrow("cut")
    expect(await drain(target)).toBe(25)
    expect(published()).toHaveLength(35)
    expect(cursor.position()).toBe(events.at(-1)?.position)
  })
})
