import type { KafkaClientName } from "../../src/adapters/kafka/settings.ts"
import type { Ceiling, ProduceRates } from "./ceilings.ts"
import type { DrainFigures } from "./drain.ts"
import type { Percentiles } from "./statistics.ts"
import { round } from "./statistics.ts"

/** What the targets are judged by; a part that was not measured is left out. */
export interface Figures {
  readonly cold?: DrainFigures | undefined
  readonly warm?: DrainFigures | undefined
  readonly ceilings?:
    | {
        readonly produce?: Readonly<Record<string, unknown>> | undefined
        readonly read?: Ceiling | undefined
      }
    | undefined
  readonly latencyMs?: Readonly<Record<string, unknown>> | undefined
  readonly idle?: { readonly cpuPercent: number; readonly queriesASecond: number } | undefined
  readonly start?: { readonly firstMessageMs: number } | undefined
  readonly writers?: { readonly besideToAlone: number } | undefined
}

export interface Target {
  readonly target: string
  readonly wanted: string
  readonly found: number
  readonly met: boolean
}

const MAX_RSS_MEGABYTES = 250

/** Ratios within this run. Those against Debezium need `--peers`. */
export function targets(client: KafkaClientName, relay: Figures, debezium?: Figures): readonly Target[] {
  const list: Target[] = []
  const atLeast = (target: string, found: number | undefined, limit: number) => {
    if (found !== undefined && Number.isFinite(found)) {
      list.push({ target, wanted: `>= ${limit}`, found: round(found), met: found >= limit })
    }
  }
  const atMost = (target: string, found: number | undefined, limit: number) => {
    if (found !== undefined && Number.isFinite(found)) {
      list.push({ target, wanted: `<= ${limit}`, found: round(found), met: found <= limit })
    }
  }
  const ratio = (ours: number | undefined, theirs: number | undefined) =>
    ours === undefined || theirs === undefined ? undefined : ours / theirs

  const produce = relay.ceilings?.produce?.[client] as ProduceRates | undefined
  const drained = relay.warm?.eventsASecond
  atLeast("drain / the client's own producer", ratio(drained, produce?.own.eventsASecond), 0.75)
  atLeast("drain / our publisher over that client", ratio(drained, produce?.ours.eventsASecond), 0.75)
  const peakRss = highest(relay.cold?.peakRssMegabytes, relay.warm?.peakRssMegabytes)
  atMost("peak RSS in MB", peakRss, MAX_RSS_MEGABYTES)
  atMost("idle, % of a core", relay.idle?.cpuPercent, 1)
  atMost("idle, queries a second", relay.idle?.queriesASecond, 2)
  atMost("first message after process start, ms", relay.start?.firstMessageMs, 1_000)
  if (!debezium) return list
  atLeast("drain / warm Debezium", ratio(relay.warm?.eventsASecond, debezium.warm?.eventsASecond), 1.2)
  atLeast("cold drain / cold Debezium", ratio(relay.cold?.eventsASecond, debezium.cold?.eventsASecond), 3)
  atMost(
    "CPU seconds per 100,000 / warm Debezium",
    ratio(relay.warm?.cpuSecondsPer100k, debezium.warm?.cpuSecondsPer100k),
    1,
  )
  const theirPeakRss = highest(debezium.cold?.peakRssMegabytes, debezium.warm?.peakRssMegabytes)
  atMost("peak RSS / Debezium", ratio(peakRss, theirPeakRss), 0.25)
  atLeast(
    "writers beside the relay / beside Debezium, each to the writers alone",
    ratio(relay.writers?.besideToAlone, debezium.writers?.besideToAlone),
    1,
  )
  for (const rate of Object.keys(relay.latencyMs ?? {}).filter(name => name.endsWith("/s"))) {
    const [ours, theirs] = [relay.latencyMs?.[rate], debezium.latencyMs?.[rate]] as (
      | Percentiles
      | undefined
    )[]
    atMost(`p50 at ${rate} / warm Debezium`, ratio(ours?.p50, theirs?.p50), round(1 / 3))
    atMost(`p99 at ${rate} / warm Debezium`, ratio(ours?.p99, theirs?.p99), round(1 / 3))
  }
  return list
}

function highest(...megabytes: readonly (number | undefined)[]): number | undefined {
  const known = megabytes.filter(found => found !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}
