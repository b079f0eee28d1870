import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createOperationQueue } from "../../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createDeadLetters } from "../../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { createDeadLetterLevers } from "../../../src/adapters/postgres/dead-letters/levers.ts"
import { parseBatch } from "../../../src/bus/consume.ts"
import { toMessage } from "../../../src/bus/envelope.ts"
import { createIntake } from "../../../src/chain-writer/intake.ts"
import { seededRandom } from "../../../src/demo/random.ts"
import { toLogged } from "../../../src/domain/event.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, unblockRequested } from "../../support/event-builders.ts"
import { insertEvents } from "../../support/insert-events.ts"
import { testSeed } from "../../support/seed.ts"

const seed = testSeed()

describe(`requeues while the chain writer takes in requests (seed ${seed})`, () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await createTestDatabase()
  })
  afterEach(() => database.drop())

  it("lets no request of a subject pass an earlier one, and leaves none behind", async () => {
    const { sql } = database
    const random = seededRandom(seed)
    const subjects = [anySubject(), anySubject(), anySubject()]
    const events = Array.from({ length: 400 }, () => unblockRequested(subjects[random.below(3)]!))
    await insertEvents(sql, events)
    const intake = createIntake({ queue: createOperationQueue(sql), maxPendingOperations: 10_000 })
    const [levers, deadLetters] = [createDeadLetterLevers(sql), createDeadLetters(sql)]
    const topic = "topic"

    /** The messages of some are garbled on the way; the log has them whole. */
    async function consume(): Promise<void> {
      for (let from = 0; from < events.length; from += 8) {
        const messages = events.slice(from, from + 8).map((event, index) => {
          const message = toMessage(toLogged(event), topic)
          const value = random.chance(0.1) ? "{" : message.value
          return { ...message, value, partition: 0, offset: BigInt(from + index) }
        })
        const [fetchOffset, nextOffset] = [BigInt(from), BigInt(from + messages.length)]
        const batch = {
          topic,
          partition: 0,
          fetchOffset,
          messages,
          nextOffset,
          lowOffset: 0n,
          endOffset: null,
        }
        await intake.handle(parseBatch(batch, "group", from === 0 ? null : fetchOffset))
      }
    }

    async function requeueOne(): Promise<boolean> {
      const open = await deadLetters.list({ limit: 1_000, filter: { states: ["open"] } })
      const chosen = open[random.below(open.length)]
      if (chosen) await levers.requeue(chosen.id)
      return chosen !== undefined
    }

    let isOver = false
    const requeues = Array.from({ length: 3 }, async () => {
      while (!isOver) await requeueOne()
    })
    await consume()
    isOver = true
    await Promise.all(requeues)
    while (await requeueOne());

    const rows = await sql<{ subject: string; position: bigint }[]>`
      select '0x' || encode(subject, 'hex') as subject, position from reconciler.chain_operations
      order by accepted_at`
    for (const subject of subjects) {
      const [came, own] = [rows, events].map(list =>
        list.filter(each => each.subject === subject).map(({ position }) => position),
      )
      expect(came).toEqual(own)
    }
  }, 60_000)
})
