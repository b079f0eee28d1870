import type { BenchBus } from "./bus.ts"
import { idOf } from "./log.ts"
import { type Percentiles, percentiles } from "./statistics.ts"

const ARRIVAL_DEADLINE_MS = 10_000
/** Not counted: connections are opened, and both ends' code is compiled. */
const WARM_UP_SECONDS = 2

/**
 * From the answer to COMMIT to the consumer, both in this process. `append` commits one event that carries `id`.
 * An event that the consumer has before the answer to COMMIT is read counts as 0.
 */
export async function latency(
  bus: BenchBus,
  options: {
    readonly topic: string
    readonly append: (id: string, n: number) => Promise<unknown>
    readonly aSecond: number
    readonly seconds: number
  },
): Promise<Percentiles> {
  const arrived = new Map<string, number>()
  const stop = await bus.listen(options.topic, (value, atMs) => void arrived.set(idOf(value), atMs))
  const settled = async (ids: () => Iterable<string>) => {
    const deadlineMs = performance.now() + ARRIVAL_DEADLINE_MS
    while ([...ids()].some(id => !arrived.has(id)) && performance.now() < deadlineMs) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
  // Whoever carries has started, and has seen a first event.
  const first = `first-${performance.now()}`
  await options.append(first, 0)
  await settled(() => [first])
  const committed = new Map<string, number>()
  const pending: Promise<unknown>[] = []
  const uncounted = options.aSecond * WARM_UP_SECONDS
  const total = uncounted + options.aSecond * options.seconds
  const startedMs = performance.now()
  for (let n = 0; n < total; ) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedMs) / 1000) * options.aSecond))
    for (; n < due; n += 1) {
      const id = `l-${options.aSecond}-${n}-${Math.round(startedMs)}`
      const counts = n >= uncounted
      pending.push(options.append(id, n).then(() => counts && void committed.set(id, performance.now())))
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
  await settled(() => committed.keys())
  await stop()
  const delays = [...committed].map(([id, atMs]) => {
    const arrivedMs = arrived.get(id)
    if (arrivedMs === undefined) throw new Error(`${id} did not arrive`)
    return Math.max(0, arrivedMs - atMs)
  })
  return percentiles(delays)
}
