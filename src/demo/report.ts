import type { CheckResult, Findings } from "./check/check.ts"

/** What `--json` prints; the keys and their order are an interface. */
export interface DemoReport extends Findings {
  /** From the first transaction until nothing was left to wait for. */
  readonly durationMs: number
  readonly seed: number
}

const DETAILS_SHOWN = 20

export function jsonReport(report: DemoReport): string {
  return `${JSON.stringify(report)}\n`
}

/** What is wrong, ids and kinds only. Empty if nothing is. */
export function detailLines(result: CheckResult, stuck: readonly string[]): string {
  const shown = result.details.slice(0, DETAILS_SHOWN)
  const lines = [
    ...stuck.map(what => `stuck: ${what}`),
    ...shown.map(({ kind, what, detail }) => `${kind}: ${what}${detail === undefined ? "" : ` (${detail})`}`),
  ]
  const left = result.details.length - shown.length
  if (left > 0) lines.push(`and ${left} more`)
  return lines.map(line => `${line}\n`).join("")
}

export function humanReport(report: DemoReport, holds: boolean): string {
  const { requestToConfirmedMs: latency } = report
  const rows: readonly (readonly [string, string | number])[] = [
    ["operations", report.operations],
    ["  confirmed on the chain", report.confirmed],
    ["  rejected by the contract", report.rejected],
    ["  superseded by another branch", report.superseded],
    ["  set aside as dead letters", report.deadLettered],
    ["transactions rolled back", report.rolledBack],
    ["refused by append", report.refused],
    ["automatic blocks where a manual one stands", report.manualStands],
    ["blocks expired", report.blocksExpired],
    ["  removed on the chain", report.blocksRemovedOnChain],
    ["blocks removed in the database", report.blocksRemovedInDatabase],
    ["manual blocks kept", report.manualBlocksKept],
    ["lost", report.lost],
    ["doubled", report.doubled],
    ["mismatches", report.mismatches],
    ["request to confirmed, ms (p50 / p95 / p99)", `${latency.p50} / ${latency.p95} / ${latency.p99}`],
    ["gas per operation", report.gasPerOperation],
    ["duration", `${(report.durationMs / 1000).toFixed(1)} s`],
    ["seed", report.seed],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  const table = rows.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join("")
  return `${table}\n${holds ? "Everything holds." : "Not everything holds."}\n`
}
