import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { EventRecord } from "../../../src/domain/event.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import { anySubject, unblockRequested } from "../../support/event-builders.ts"
import { huge, LOOK_MS, openPoisonWorld, positions, signal } from "../../support/poison-world.ts"
import { testSeed } from "../../support/seed.ts"

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
        const world = openPoisonWorld("block-subject", 4)
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
