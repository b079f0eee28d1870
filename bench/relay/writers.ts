import type { BenchBus } from "./bus.ts"
import type { Subject } from "./drain.ts"
import type { BenchProcess } from "./relay-process.ts"
import { median, round } from "./statistics.ts"

const WRITERS = 4
const TURNS = 3

/**
 * Transactions a second of 4 writers with the process stopped, and with it at work, in turn: the machine is not the same
 * from minute to minute. Then its rate over a backlog while they add to it.
 */
export async function writersBeside(
  bus: BenchBus,
  subject: Subject,
  carrier: BenchProcess,
  options: { readonly events: number; readonly writerSeconds: number },
) {
  const forMs = options.writerSeconds * 1000
  const caughtUp = async () => bus.reached(subject.topics, await subject.rows())
  const alone: number[] = []
  const beside: number[] = []
  for (let turn = 0; turn < TURNS; turn += 1) {
    carrier.pause()
    alone.push(await writeFor(subject, forMs))
    carrier.resume()
    await caughtUp()
    beside.push(await writeFor(subject, forMs))
    await caughtUp()
  }
  carrier.pause()
  await subject.fill(options.events)
  const before = await bus.count(subject.topics)
  carrier.resume()
  let writing = true
  const writers = writeFor(subject, forMs).finally(() => {
    writing = false
  })
  const seconds = await bus.reached(subject.topics, before + options.events)
  const stillWriting = writing
  const whileDraining = await writers
  await caughtUp()
  return {
    writersAloneTps: median(alone),
    writersBesideTps: median(beside),
    besideToAlone: round(median(beside) / median(alone)),
    writersWhileDrainingTps: round(whileDraining),
    drainWhileWriting: round(options.events / seconds),
    writersOutlastedTheDrain: stillWriting,
  }
}

/** Single rows, one after another from each writer. Resolves with the transactions a second. */
async function writeFor(subject: Subject, forMs: number): Promise<number> {
  const untilMs = performance.now() + forMs
  let done = 0
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; performance.now() < untilMs; n += 1) {
        await subject.append(`${writer}-${n}`, writer * 7 + n)
        done += 1
      }
    }),
  )
  return done / (forMs / 1000)
}
