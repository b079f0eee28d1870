import type { Finding } from "./finding.ts"

/** How the event log stands, by the database's clock. */
export interface LogStatus {
  readonly nowMs: number
  /** Days that have a partition. */
  readonly partitions: number
  /** Of the whole log on disk, indexes included. */
  readonly bytes: number
  /** Of the largest day: what the log can be expected to grow by. */
  readonly largestDayBytes: number
  /** How many days from tomorrow on have their partition, up to the first that has none; -1 when today has none. */
  readonly daysAhead: number
  /** Events in the default partition; counting stops at 100,000. */
  readonly defaultRows: number
  readonly oldestDefaultMs: number | null
  /** Of events that the relay has not published; null when there are none. */
  readonly oldestUnpublishedAgeMs: number | null
  readonly archives: { readonly files: number; readonly bytes: number }
  /** Days that are in the log although the retention has passed, oldest first. `by` is empty when nobody needs them. */
  readonly overdue: readonly {
    readonly partition: string
    readonly sinceMs: number
    readonly by: readonly string[]
  }[]
}

export const LOG_FINDINGS = [
  /** The oldest event that was not published is older than UNPUBLISHED_ALERT_SECONDS. */
  "events-unpublished",
  /** Events that no day's partition took. */
  "default-partition-rows",
  /** Today or tomorrow has no partition. */
  "partition-missing",
  /** A day should have been archived more than a day ago. */
  "partition-overdue",
  /** The log is larger than LOG_ALERT_GIB. */
  "log-large",
] as const

/** Above them something is a finding. */
export interface LogLimits {
  readonly logAlertBytes: number
  readonly unpublishedAlertMs: number
}

/** A pass of the archiver comes every ten minutes; what is later by a day does not end by itself. */
const OVERDUE_MS = 86_400_000

export function logFindings(log: LogStatus, limits: LogLimits): readonly Finding[] {
  const { nowMs, oldestUnpublishedAgeMs, oldestDefaultMs } = log
  const findings: (Finding | false)[] = [
    oldestUnpublishedAgeMs !== null &&
      oldestUnpublishedAgeMs > limits.unpublishedAlertMs && {
        finding: "events-unpublished",
        about: "relay",
        sinceMs: nowMs - oldestUnpublishedAgeMs,
      },
    log.defaultRows > 0 && {
      finding: "default-partition-rows",
      about: `${log.defaultRows} events`,
      sinceMs: oldestDefaultMs ?? nowMs,
    },
    log.daysAhead < 1 && {
      finding: "partition-missing",
      about: log.daysAhead < 0 ? "today" : "tomorrow",
      sinceMs: nowMs,
    },
    log.bytes > limits.logAlertBytes && {
      finding: "log-large",
      about: `${gib(log.bytes)} GiB`,
      sinceMs: nowMs,
    },
    ...log.overdue
      .filter(({ sinceMs }) => sinceMs < nowMs - OVERDUE_MS)
      .slice(0, 1)
      .map(({ partition, by, sinceMs }) => ({
        finding: "partition-overdue",
        about: by.length > 0 ? `${partition}, needed by ${by.join(" and ")}` : partition,
        sinceMs,
      })),
  ]
  return findings.filter(finding => finding !== false)
}

/** Lines for a person. */
export function logLines(log: LogStatus): readonly string[] {
  return [
    `event log: ${log.partitions} days, ${gib(log.bytes)} GiB (largest day ${gib(log.largestDayBytes)} GiB), ${Math.max(0, log.daysAhead)} days made ahead`,
    ...(log.archives.files > 0
      ? [`archives: ${log.archives.files} files, ${gib(log.archives.bytes)} GiB`]
      : []),
  ]
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(2)
}
