import { beforeEach, describe, expect, test } from "vitest"
import { toLogged } from "../../../src/domain/event.ts"
import type { EventSource } from "../../../src/relay/ports.ts"
import { createReadAhead, type ReadAhead } from "../../../src/relay/read-ahead.ts"
import { anySubject, unblockRequested } from "../../support/event-builders.ts"

const LIMIT = 100

describe("reading ahead", () => {
  let nowMs: number
  let pauses: number[]
  /** What each look gives. */
  let looks: (number | Error)[]
  let asked: { after: bigint; limit: number }[]
  let endSend: () => void

  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      if (signal?.aborted) return
      pauses.push(ms)
      nowMs += ms
    },
  }
  const events = (count: number) =>
    Array.from({ length: count }, () => toLogged(unblockRequested(anySubject())))
  const source: Pick<EventSource, "readSafe"> = {
    async readSafe(after, limit) {
      asked.push({ after, limit })
      const found = looks.shift()
      if (looks.length === 0) {
        endSend()
        // Whoever waits for the send has its turn.
        await new Promise(resolve => setImmediate(resolve))
      }
      if (found instanceof Error) throw found
      return events(found ?? 0)
    },
  }
  const send = () =>
    new Promise<void>(resolve => {
      endSend = resolve
    })
  let readAhead: ReadAhead
  beforeEach(() => {
    nowMs = 0
    pauses = []
    asked = []
    endSend = () => undefined
    readAhead = createReadAhead({ source, clock, limit: LIMIT })
  })

  /** So many sends of 50 events, one each 10 ms: 5,000 a second. */
  async function traffic(sends: number) {
    for (let n = 0; n < sends; n += 1) {
      looks = [0, 0]
      nowMs += 10
      await readAhead.during(Promise.resolve(), 50, 0n)
    }
    pauses = []
    asked = []
  }

  test("goes on while the send is under way, each time above what it has, and ends with it", async () => {
    looks = [2, 0, 3, 1]
    const found = await readAhead.during(send(), 1, 7n)
    expect(found).toHaveLength(6)
    expect(asked.map(({ limit }) => limit)).toEqual([100, 98, 98, 95])
    expect(asked[0]?.after).toBe(7n)
    expect(asked[2]?.after).toBe(found[1]?.position)
    expect(asked[3]?.after).toBe(found[4]?.position)
  })

  test("does not look again once the send has ended", async () => {
    looks = [1, 1, 1]
    const ended = Promise.resolve()
    await ended
    expect(await readAhead.during(ended, 1, 0n)).toHaveLength(1)
    const endsInPause = createReadAhead({
      source,
      clock: { ...clock, sleep: async () => endSend() },
      limit: LIMIT,
    })
    expect(await endsInPause.during(send(), 1, 0n)).toHaveLength(1)
  })

  test("reads no more than is sent at a time", async () => {
    looks = [LIMIT, 1]
    expect(await readAhead.during(send(), 1, 0n)).toHaveLength(LIMIT)
    expect(asked).toHaveLength(1)
  })

  test("looks seldom while a send takes long", async () => {
    looks = Array.from({ length: 100 }, () => 0)
    await readAhead.during(send(), 1, 0n)
    expect(pauses.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 16])
  })

  test("carries more at a time when there is much", async () => {
    await traffic(15)
    looks = [20, 5, 1]
    expect(await readAhead.during(Promise.resolve(), 50, 0n)).toHaveLength(25)
    expect(pauses).toEqual([4, 1])
  })

  test("does not pause over a backlog", async () => {
    await traffic(15)
    looks = [LIMIT]
    await readAhead.during(send(), LIMIT, 0n)
    expect(pauses).toEqual([])
  })

  test("fails when a look fails", async () => {
    looks = [1, new Error("cut")]
    await expect(readAhead.during(send(), 1, 0n)).rejects.toThrow("cut")
  })
})
