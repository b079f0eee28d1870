import { classifyEvent } from "../../domain/event.ts"
import type { Observations } from "../observe/observations.ts"
import type { RunRecord } from "../record.ts"

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** From a request to its `…confirmed` event, both by the database clock, in milliseconds. Zeros if none was confirmed. */
export function requestToConfirmedMs(record: RunRecord, observed: Observations): Percentiles {
  const requestedAtMs = new Map(observed.log.map(event => [event.eventId, event.occurredAtMs]))
  const ours = new Set(record.operations.map(({ eventId }) => eventId))
  const elapsed = observed.log
    .filter(event => {
      const known = classifyEvent(event.type)
      return known?.class === "result" && known.result === "confirmed" && ours.has(event.causationId ?? "")
    })
    .map(event => event.occurredAtMs - (requestedAtMs.get(event.causationId ?? "") ?? event.occurredAtMs))
    .sort((a, b) => a - b)
  return { p50: percentile(elapsed, 0.5), p95: percentile(elapsed, 0.95), p99: percentile(elapsed, 0.99) }
}

/** Nearest rank: the smallest value that at least this share does not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
