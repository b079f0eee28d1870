import { Counter, Gauge, Registry } from "@prometheus-io/client"
import type { Handler } from "hono"
import type { Metric } from "../../ops/metrics.ts"

export interface MetricsRoute {
  readonly metrics: () => Promise<readonly Metric[]>
}

/** Prometheus' text format, made anew at each scrape: what is told is what the sources say now. */
export function metrics(options: MetricsRoute): Handler {
  return async context => {
    const registry = new Registry()
    for (const metric of await options.metrics()) register(registry, metric)
    return context.text(await registry.metrics(), 200, { "content-type": registry.contentType })
  }
}

function register(registry: Registry, { name, help, type, values }: Metric): void {
  const labelNames = [...new Set(values.flatMap(({ labels = {} }) => Object.keys(labels)))]
  const options = { name, help, labelNames, registers: [registry] }
  if (type === "gauge") {
    const gauge = new Gauge(options)
    for (const { labels = {}, value } of values) gauge.set(labels, value)
    return
  }
  const counter = new Counter(options)
  for (const { labels = {}, value } of values) counter.inc(labels, value)
}
