import { appendFileSync } from "node:fs"
import { expect } from "vitest"
import type { Audit } from "./audit.ts"

/** How much of everything: 1 in `npm test`, more in `npm run test:faults`. */
export const faultScale: number = Number(process.env.FAULT_SCALE ?? 1)

/** One line a test file, on stderr and for the summary of the whole run. */
export interface FaultReport {
  readonly title: string
  readonly seed?: number
  readonly operations?: number
  /** How many faults of each kind. */
  readonly injected: Readonly<Record<string, number>>
  /** What else was counted or measured. */
  readonly figures?: Readonly<Record<string, number>>
  readonly recoveryMs?: Percentiles
}

interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export function reportFaults(
  title: string,
  faults: ReadonlyMap<string, number> | Readonly<Record<string, number>>,
  more: {
    readonly recoveriesMs?: readonly number[]
    readonly operations?: number
    readonly seed?: number
    readonly figures?: Readonly<Record<string, number>>
  } = {},
): void {
  const injected: Readonly<Record<string, number>> =
    faults instanceof Map ? Object.fromEntries(faults) : (faults as Readonly<Record<string, number>>)
  const { recoveriesMs = [], ...rest } = more
  const recovery = recoveriesMs.length === 0 ? {} : { recoveryMs: percentiles(recoveriesMs) }
  write({ title, ...rest, injected, ...recovery })
}

function write(report: FaultReport): void {
  const line = JSON.stringify(report)
  process.stderr.write(`[faults] ${line}\n`)
  if (process.env.FAULT_REPORT) appendFileSync(process.env.FAULT_REPORT, `${line}\n`)
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** What the oracle counted, for a report: what was done, and everything that must be 0. */
export function auditFigures(found: Audit): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, typeof value === "number" ? value : value.length]),
  )
}

/** Every operation exactly once, whatever was done to it. */
export function expectExactlyOnce(found: Audit, operations: number): void {
  expect(found).toEqual({
    operations,
    applied: expect.any(Number),
    notFinal: [],
    resultEvents: [],
    effects: [],
    strays: [],
    contradicted: [],
    slots: [],
    nonceGaps: [],
  })
}
