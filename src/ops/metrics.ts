import type { StageProgress } from "../runtime/progress.ts"
import { within } from "../runtime/within.ts"
import type { StatusSources } from "./status.ts"

/** One metric in Prometheus' sense, base units; labels have a bounded set of values and never a subject. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: "gauge" | "counter"
  readonly values: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[]
}

export interface MetricsOptions {
  readonly sources: StatusSources
  /** Findings that there can be: those that are not there now are told as 0, so that an alert sees them end. */
  readonly findings: readonly string[]
  readonly stages: () => readonly StageProgress[]
  /** What a source has not said by then is left out. */
  readonly withinMs: number
}

/** A source that does not answer is told as down, and what it would have said is left out: no value is made up. */
export async function readMetrics(options: MetricsOptions): Promise<readonly Metric[]> {
  const { sources, withinMs } = options
  const [database, kafka] = await Promise.allSettled([
    within(withinMs, ofDatabase(sources, options.findings)),
    within(withinMs, sources.consumerLag()),
  ])
  return [
    gauge("source_up", "1 where the source of the values answered.", [
      { labels: { source: "postgres" }, value: database.status === "fulfilled" ? 1 : 0 },
      { labels: { source: "kafka" }, value: kafka.status === "fulfilled" ? 1 : 0 },
    ]),
    ...ofProcess(options.stages()),
    ...(database.status === "fulfilled" ? database.value : []),
    ...(kafka.status === "fulfilled"
      ? [
          gauge(
            "consumer_lag_messages",
            "Messages that a consumer group has not handled yet, by topic.",
            kafka.value.map(({ group, topic, messages }) => ({ labels: { group, topic }, value: messages })),
          ),
        ]
      : []),
  ]
}

async function ofDatabase(sources: StatusSources, known: readonly string[]): Promise<readonly Metric[]> {
  const [relay, leader, chainWriter, projector, writeBack, log, deadLetters, findings] = await Promise.all([
    sources.relay(),
    sources.relayLeader(),
    sources.chainWriter(),
    sources.projector(),
    sources.writeBack(),
    sources.log(),
    sources.deadLetters(),
    sources.findings(),
  ])
  const stages = { "chain-writer": chainWriter, projector, "write-back": writeBack }
  const counts = new Map(known.map(finding => [finding, 0]))
  for (const { finding } of findings) counts.set(finding, (counts.get(finding) ?? 0) + 1)
  const { holders, oldestAgeMs } = leader.horizon
  return [
    one(
      "relay_oldest_unpublished_age_seconds",
      "Age of the oldest event not published yet.",
      relay.oldestAgeMs,
      1e-3,
    ),
    one("relay_events_waiting", "Events not published yet; counting stops at 100,000.", relay.waiting),
    one("relay_active", "1 while a relay holds the lease.", leader.active ? 1 : 0),
    one("relay_epoch", "Grows whenever another relay takes over.", Number(leader.epoch)),
    one(
      "relay_horizon_holders",
      "Open transactions that have written to the log: later events wait for them.",
      holders,
    ),
    one("relay_horizon_stall_seconds", "For how long the oldest of them has been open.", oldestAgeMs, 1e-3),
    one("log_partitions", "Days that have a partition in the log.", log.partitions),
    one(
      "log_partitions_ahead",
      "Days from tomorrow on that have one; -1 when today has none.",
      log.daysAhead,
    ),
    one("log_bytes", "Size of the log on disk, indexes included.", log.bytes),
    one(
      "log_default_partition_rows",
      "Events in no day's partition; counting stops at 100,000.",
      log.defaultRows,
    ),
    one("log_partitions_overdue", "Days that should have been archived.", log.overdue.length),
    one("log_archives", "Archived days.", log.archives.files),
    one("log_archive_bytes", "Size of all archive files.", log.archives.bytes),
    one("dead_letters_open", "Dead letters that wait for a person.", deadLetters),
    gauge(
      "operations_waiting",
      "Operations that a stage has before it; counting stops at 100,000.",
      Object.entries(stages).map(([stage, { waiting }]) => ({ labels: { stage }, value: waiting })),
    ),
    gauge(
      "operations_oldest_age_seconds",
      "Age of the oldest of them.",
      Object.entries(stages).map(([stage, { oldestAgeMs }]) => ({
        labels: { stage },
        value: seconds(oldestAgeMs),
      })),
    ),
    gauge(
      "findings",
      "Findings there are now, by name; `reconciler status` says where.",
      [...counts].map(([finding, value]) => ({ labels: { finding }, value })),
    ),
  ]
}

/** Of this process alone. */
function ofProcess(stages: readonly StageProgress[]): readonly Metric[] {
  const by = (value: (stage: StageProgress) => number) =>
    stages.map(stage => ({ labels: { stage: stage.stage }, value: value(stage) }))
  const archiver = stages.find(({ stage }) => stage === "log-archiver")
  return [
    counter(
      "stage_passes_total",
      "Passes that a stage of this process has ended.",
      by(({ passes }) => passes),
    ),
    counter(
      "stage_failed_passes_total",
      "Of those, the ones that failed.",
      by(({ failedPasses }) => failedPasses),
    ),
    gauge(
      "stage_stuck",
      "1 while a pass takes longer than any should.",
      by(({ stuck }) => (stuck ? 1 : 0)),
    ),
    ...(archiver
      ? [
          counter("log_archive_failures_total", "Times that archiving a day failed.", [
            { value: archiver.failedPasses },
          ]),
        ]
      : []),
  ]
}

const seconds = (ms: number | null) => (ms ?? 0) / 1000

const gauge = (name: string, help: string, values: Metric["values"]): Metric => ({
  name: `caregrid_${name}`,
  help,
  type: "gauge",
  values,
})

const counter = (name: string, help: string, values: Metric["values"]): Metric => ({
  ...gauge(name, help, values),
  type: "counter",
})

/** Null counts as nothing: no age where nothing waits. */
const one = (name: string, help: string, value: number | null, factor = 1): Metric =>
  gauge(name, help, [{ value: (value ?? 0) * factor }])
