import { beforeEach, describe, expect, test } from "vitest"
import type { Subject } from "../../../src/domain/subject.ts"
import { anySubject, unblockRequested } from "../../support/event-builders.ts"
import {
  huge,
  LOOK_MS,
  openPoisonWorld,
  type PoisonWorld,
  positions,
  signal,
} from "../../support/poison-world.ts"

describe("an event that could not be published and is requeued", () => {
  let world: PoisonWorld
  let subject: Subject
  beforeEach(() => {
    world = openPoisonWorld("block-subject")
    subject = anySubject()
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
    world = openPoisonWorld("block-subject", 2)
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

  test("many requeued ones go in several passes, none before an earlier one of its subject", async () => {
    world = openPoisonWorld("block-subject", 3)
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
