import { beforeEach, describe, expect, test } from "vitest"
import type { Subject } from "../../../src/domain/subject.ts"
import { anySubject, confirmed, event, unblockRequested } from "../../support/event-builders.ts"
import {
  huge,
  LOOK_MS,
  openPoisonWorld,
  type PoisonWorld,
  positions,
  signal,
  topics,
} from "../../support/poison-world.ts"

describe("an event that cannot be published", () => {
  let world: PoisonWorld
  let subject: Subject
  beforeEach(() => {
    world = openPoisonWorld("block-subject")
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
    world = openPoisonWorld("skip")
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
})
