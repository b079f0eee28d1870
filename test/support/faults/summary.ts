import { existsSync, readFileSync } from "node:fs"
import type { FaultReport } from "./report.ts"

/** Everything that was injected in a run, out of the lines its test files have written; null if there were none. */
export function summariseFaults(path: string): string | null {
  if (!existsSync(path)) return null
  const reports = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map(line => JSON.parse(line) as FaultReport)
  const lines = reports.map(report => `  ${report.title}: ${described(report)}`)
  const total = JSON.stringify({ faults: faultsByKind(reports), audited: auditTotals(reports) })
  return ["== faults injected", ...lines, `[faults-total] ${total}`].join("\n")
}

function described({ injected, figures, operations, recoveryMs }: FaultReport): string {
  const counts = Object.entries({ ...injected, ...figures }).map(([kind, count]) => `${kind} ${count}`)
  if (operations !== undefined && figures?.operations === undefined) counts.push(`operations ${operations}`)
  if (recoveryMs)
    counts.push(`recovery p50 ${recoveryMs.p50} ms, p99 ${recoveryMs.p99} ms (${recoveryMs.count})`)
  return counts.join(", ")
}

function faultsByKind(reports: readonly FaultReport[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const { injected } of reports) {
    for (const [kind, count] of Object.entries(injected)) totals[kind] = (totals[kind] ?? 0) + count
  }
  return totals
}

/** Of those reports that carry what the oracle counted: all but the first two have to be 0. */
function auditTotals(reports: readonly FaultReport[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const { figures } of reports) {
    if (figures?.nonceGaps === undefined) continue
    for (const [name, count] of Object.entries(figures)) totals[name] = (totals[name] ?? 0) + count
  }
  return totals
}
