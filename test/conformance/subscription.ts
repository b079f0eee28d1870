import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { BatchVerdict, ReceivedBatch, Subscription } from "../../src/bus/consume.ts"
import { until } from "../support/until.ts"

export interface SubscriptionHarness {
  readonly subscription: Subscription
  readonly topic: string
  /** Writes messages with the values `from`, `from + 1`, … under a few keys. */
  send(from: number, count: number): Promise<void>
  close(): Promise<void>
}

interface Run {
  /** Values in the order they were handled, by partition. */
  readonly handled: Map<number, number[]>
  readonly stored: Map<number, bigint>
  readonly batches: ReceivedBatch[]
  total(): number
  stop(): Promise<void>
}

/** The promises of the port Subscription, kept by every implementation. */
export function subscriptionConformance(name: string, open: () => Promise<SubscriptionHarness>): void {
  describe(`subscription: ${name}`, () => {
    let harness: SubscriptionHarness
    let groupId: string
    const running: Run[] = []
    beforeEach(async () => {
      harness = await open()
      groupId = `group-${crypto.randomUUID()}`
    })
    afterEach(async () => {
      for (const run of running.splice(0)) await run.stop()
      await harness.close()
    })

    /** Handles by noting; `decide` may answer otherwise, and then nothing is noted. */
    function start(
      stored = new Map<number, bigint>(),
      decide: (batch: ReceivedBatch, nth: number) => Promise<BatchVerdict | null> = async () => null,
    ): Run {
      const stop = new AbortController()
      const handled = new Map<number, number[]>()
      const batches: ReceivedBatch[] = []
      const ended = harness.subscription.run({
        groupId,
        topics: [harness.topic],
        storedOffset: async (_, partition) => stored.get(partition) ?? null,
        async onBatch(batch) {
          batches.push(batch)
          const other = await decide(batch, batches.length)
          if (other) return other
          const values = batch.messages.map(message => Number(message.value))
          handled.set(batch.partition, [...(handled.get(batch.partition) ?? []), ...values])
          stored.set(batch.partition, batch.nextOffset)
          return { next: "continue" }
        },
        signal: stop.signal,
      })
      const total = () => [...handled.values()].reduce((sum, values) => sum + values.length, 0)
      const run: Run = {
        handled,
        stored,
        batches,
        total,
        stop: async () => {
          stop.abort()
          await ended
        },
      }
      running.push(run)
      return run
    }

    const handledAll = (run: Run, count: number) => until(run.total, total => total >= count)

    function expectEachOnceInOrder(run: Run, from: number, count: number): void {
      const values = [...run.handled.values()]
      for (const ofPartition of values) {
        expect(ofPartition).toEqual(ofPartition.toSorted((left, right) => left - right))
      }
      const all = values.flat().sort((left, right) => left - right)
      expect(all).toEqual(Array.from({ length: count }, (_, index) => from + index))
    }

    test("begins at the oldest message where nothing is stored, and goes on with new ones", async () => {
      await harness.send(0, 50)
      const run = start()
      await handledAll(run, 50)
      await harness.send(50, 50)
      await handledAll(run, 100)
      expectEachOnceInOrder(run, 0, 100)
    })

    test("goes on at the stored offsets after a restart", async () => {
      await harness.send(0, 60)
      const first = start()
      await handledAll(first, 60)
      await first.stop()
      await harness.send(60, 40)
      const second = start(first.stored)
      await handledAll(second, 40)
      expectEachOnceInOrder(second, 60, 40)
    })

    test("begins at the stored offsets also when the broker was told others", async () => {
      await harness.send(0, 60)
      const first = start()
      await handledAll(first, 60)
      await first.stop()
      const second = start(
        new Map([...first.stored.keys()].map(partition => [partition, 1n])),
        async batch =>
          // What a client had fetched before it was told is sought back, as the consumer above it does.
          batch.fetchOffset === 1n || (second.handled.get(batch.partition)?.length ?? 0) > 0
            ? null
            : { next: "seek", offset: 1n },
      )
      await handledAll(second, 60 - first.stored.size)
      for (const [partition, values] of first.handled)
        expect(second.handled.get(partition)).toEqual(values.slice(1))
    })

    test("tells where a batch began, and where the next one will", async () => {
      await harness.send(0, 30)
      const run = start()
      await handledAll(run, 30)
      for (const { partition } of run.batches) {
        const ofPartition = run.batches.filter(batch => batch.partition === partition)
        expect(ofPartition.map(batch => batch.fetchOffset)).toEqual([
          0n,
          ...ofPartition.slice(0, -1).map(batch => batch.nextOffset),
        ])
        expect(ofPartition.at(-1)?.endOffset).toBeGreaterThanOrEqual(ofPartition.at(-1)?.nextOffset ?? 0n)
      }
    })

    test("comes again from the offset it was told to seek", async () => {
      await harness.send(0, 30)
      let sought = false
      const run = start(new Map(), async batch => {
        if (sought || batch.partition !== 0) return null
        sought = true
        return { next: "seek", offset: 2n }
      })
      const again = await until(
        () => run.batches.filter(batch => batch.partition === 0)[1],
        batch => batch !== undefined,
      )
      expect(again?.fetchOffset).toBe(2n)
      expect(again?.messages[0]?.offset).toBe(2n)
    })

    test("gives the same again after a pause, and other partitions go on meanwhile", async () => {
      await harness.send(0, 60)
      const seen: bigint[] = []
      const run = start(new Map(), async batch => {
        if (batch.partition !== 1 || seen.length >= 3) return null
        seen.push(batch.fetchOffset)
        return { next: "pause", pauseMs: 20 }
      })
      await handledAll(run, 60)
      expect(seen).toEqual([0n, 0n, 0n])
      expectEachOnceInOrder(run, 0, 60)
    })

    test.each([new Error("database gone"), new TypeError("a bug"), new SyntaxError("a bug")])(
      "gives the same batch again when the handler throws a %s",
      async error => {
        await harness.send(0, 30)
        let thrown = 0
        const run = start(new Map(), async () => {
          thrown += 1
          if (thrown <= 2) throw error
          return null
        })
        await handledAll(run, 30)
        expectEachOnceInOrder(run, 0, 30)
      },
    )

    test("stops when told to, with the batch in hand handled and nothing after it", async () => {
      await harness.send(0, 60)
      const letGo = Promise.withResolvers<void>()
      const run = start(new Map(), async () => {
        await letGo.promise
        return null
      })
      await until(
        () => run.batches.length,
        count => count > 0,
      )
      const stopped = run.stop()
      letGo.resolve()
      await stopped
      expect(run.batches).toHaveLength(1)
      expect(run.total()).toBe(run.batches[0]?.messages.length)
      const next = start(run.stored)
      await handledAll(next, 60 - run.total())
      expect(run.total() + next.total()).toBe(60)
    })
  })
}
