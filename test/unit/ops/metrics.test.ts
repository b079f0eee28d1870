import { describe, expect, it } from "vitest"
import { type Metric, readMetrics } from "../../../src/ops/metrics.ts"
import type { StatusSources } from "../../../src/ops/status.ts"

const counts = { done: 4, waiting: 3, oldestAgeMs: 1_500 }
const sources: StatusSources = {
  relay: async () => counts,
  relayLeader: async () => ({ active: true, epoch: 9n, horizon: { holders: 2, oldestAgeMs: 7_000 } }),
  chainWriter: async () => counts,
  projector: async () => ({ ...counts, oldestAgeMs: null }),
  writeBack: async () => counts,
  log: async () => ({
    nowMs: 0,
    partitions: 8,
    bytes: 1024,
    largestDayBytes: 512,
    daysAhead: 7,
    defaultRows: 1,
    oldestDefaultMs: 0,
    oldestUnpublishedAgeMs: 1_500,
    archives: { files: 2, bytes: 99 },
    overdue: [],
  }),
  deadLetters: async () => 5,
  findings: async () => [
    { finding: "paused", about: "lane 0x01, patient", sinceMs: 0 },
    { finding: "paused", about: "lane 0x02, patient", sinceMs: 0 },
  ],
  consumerLag: async () => [{ group: "g", topic: "t", messages: 6 }],
}
const stage = {
  stage: "log-archiver",
  passes: 3,
  failedPasses: 2,
  failing: true,
  inHandMs: null,
  stuck: false,
}

function read(changed: Partial<StatusSources> = {}): Promise<readonly Metric[]> {
  return readMetrics({
    sources: { ...sources, ...changed },
    findings: ["paused", "fee-cap"],
    stages: () => [stage],
    withinMs: 50,
  })
}

const told = (metrics: readonly Metric[], name: string, labels: Readonly<Record<string, string>> = {}) =>
  metrics
    .find(metric => metric.name === `caregrid_${name}`)
    ?.values.find(value => JSON.stringify(value.labels ?? {}) === JSON.stringify(labels))?.value

describe("metrics", () => {
  it("tells ages in seconds, and none where nothing waits", async () => {
    const metrics = await read()
    expect(told(metrics, "relay_oldest_unpublished_age_seconds")).toBe(1.5)
    expect(told(metrics, "relay_horizon_stall_seconds")).toBe(7)
    expect(told(metrics, "relay_horizon_holders")).toBe(2)
    expect(told(metrics, "relay_epoch")).toBe(9)
    expect(told(metrics, "operations_oldest_age_seconds", { stage: "projector" })).toBe(0)
    expect(told(metrics, "operations_waiting", { stage: "chain-writer" })).toBe(3)
    expect(told(metrics, "consumer_lag_messages", { group: "g", topic: "t" })).toBe(6)
    expect(told(metrics, "log_archive_failures_total")).toBe(2)
  })

  it("counts findings by name, and tells 0 of those that are not there", async () => {
    const metrics = await read()
    expect(told(metrics, "findings", { finding: "paused" })).toBe(2)
    expect(told(metrics, "findings", { finding: "fee-cap" })).toBe(0)
  })

  it("leaves out what a source does not say, and says which does not", async () => {
    const away = await read({ log: () => Promise.reject(new Error("away")) })
    expect(told(away, "source_up", { source: "postgres" })).toBe(0)
    expect(told(away, "source_up", { source: "kafka" })).toBe(1)
    expect(told(away, "relay_events_waiting")).toBeUndefined()
    expect(told(away, "consumer_lag_messages", { group: "g", topic: "t" })).toBe(6)
    const silent = await read({ consumerLag: () => new Promise(() => undefined) })
    expect(told(silent, "source_up", { source: "kafka" })).toBe(0)
    expect(told(silent, "relay_events_waiting")).toBe(3)
  })

  it("has names as Prometheus wants them, and labels of few values", async () => {
    const metrics = await read()
    expect(metrics.filter(({ name }) => !/^caregrid_[a-z_]+$/.test(name))).toEqual([])
    expect(metrics.filter(({ name, type }) => name.endsWith("_total") !== (type === "counter"))).toEqual([])
    const labels = metrics.flatMap(({ values }) => values.flatMap(value => Object.keys(value.labels ?? {})))
    expect([...new Set(labels)].sort()).toEqual(["finding", "group", "source", "stage", "topic"])
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length)
  })
})
