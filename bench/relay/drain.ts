import type { BenchBus } from "./bus.ts"
import { resetPeak, usageOf } from "./process-usage.ts"
import type { BenchProcess } from "./relay-process.ts"
import { median, round } from "./statistics.ts"

export interface DrainFigures {
  readonly eventsASecond: number
  readonly cpuSecondsPer100k: number
  readonly peakRssMegabytes: number
}

/** What is measured: an outbox that can be filled, and whoever carries it to the topics. */
export interface Subject {
  readonly topics: readonly string[]
  fill(events: number): Promise<unknown>
  /** Commits one event that carries `id`; which subject it is of, `n` says. */
  append(id: string, n: number): Promise<unknown>
  /** Events ever committed. */
  rows(): Promise<number>
  /** Starts the process that carries; its JVM or runtime is cold. */
  start(): BenchProcess
}

/** From process start over a waiting backlog. The process runs on. */
export async function drainCold(
  bus: BenchBus,
  subject: Subject,
  events: number,
): Promise<{ readonly figures: DrainFigures; readonly process: BenchProcess }> {
  const before = await bus.count(subject.topics)
  await subject.fill(events)
  const carrier = subject.start()
  const seconds = await bus.reached(subject.topics, before + events)
  return { figures: figures(carrier, events, seconds, 0), process: carrier }
}

/** The backlog is filled while the process is stopped; `rounds` times, the median round by rate. */
export async function drainWarm(
  bus: BenchBus,
  subject: Subject,
  carrier: BenchProcess,
  options: { readonly events: number; readonly rounds: number },
): Promise<DrainFigures & { readonly rounds: readonly number[] }> {
  const all: DrainFigures[] = []
  for (let round = 0; round < options.rounds; round += 1) {
    const before = await bus.count(subject.topics)
    carrier.pause()
    await subject.fill(options.events)
    resetPeak(carrier.pid)
    const { cpuSeconds } = usageOf(carrier.pid)
    carrier.resume()
    const seconds = await bus.reached(subject.topics, before + options.events)
    all.push(figures(carrier, options.events, seconds, cpuSeconds))
  }
  const rates = all.map(({ eventsASecond }) => eventsASecond)
  const middle = all.find(({ eventsASecond }) => eventsASecond === median(rates))
  if (!middle) throw new Error("no round was measured")
  return { ...middle, rounds: rates }
}

function figures(carrier: BenchProcess, events: number, seconds: number, cpuBefore: number): DrainFigures {
  const { cpuSeconds, peakRssMegabytes } = usageOf(carrier.pid)
  return {
    eventsASecond: round(events / seconds),
    cpuSecondsPer100k: round(((cpuSeconds - cpuBefore) / events) * 100_000),
    peakRssMegabytes,
  }
}
