import type { KafkaClientName } from "../../src/adapters/kafka/settings.ts"
import type { Ceiling } from "./ceilings.ts"
import type { DrainFigures } from "./drain.ts"
import type { Percentiles } from "./statistics.ts"
import { round } from "./statistics.ts"

/** What the targets are judged by; a part that was not measured is left out. */
export interface Figures {
  readonly cold?: DrainFigures | undefined
  readonly warm?: DrainFigures | undefined
  readonly ceilings?:
    | { readonly produce: Readonly<Record<string, unknown>>; readonly read: Ceiling }
    | undefined
  readonly latencyMs?: Readonly<Record<string, unknown>> | undefined
  readonly idle?: { readonly cpuPercent: number; readonly queriesASecond: number } | undefined
  readonly start?: { readonly firstMessageMs: number } | undefined
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

  const produce = relay.ceilings?.produce[client] as Ceiling | undefined
  atLeast(
    "drain / the client's raw produce rate",
    ratio(relay.warm?.eventsASecond, produce?.eventsASecond),
    0.75,
  )
  atMost("peak RSS in MB", relay.warm?.peakRssMegabytes, MAX_RSS_MEGABYTES)
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
  atMost("peak RSS / Debezium", ratio(relay.warm?.peakRssMegabytes, debezium.warm?.peakRssMegabytes), 0.25)
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
