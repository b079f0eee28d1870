import { expect } from "vitest"
import type { Audit } from "./audit.ts"

/** How much of everything: 1 in `npm test`, more in `npm run test:faults`. */
export const faultScale: number = Number(process.env.FAULT_SCALE ?? 1)

/** One line a test file, on stderr, for whoever wants the figures. */
export function reportFaults(
  title: string,
  faults: ReadonlyMap<string, number> | Readonly<Record<string, number>>,
  more: {
    readonly recoveriesMs?: readonly number[]
    readonly operations?: number
    readonly seed?: number
  } = {},
): void {
  const injected = faults instanceof Map ? Object.fromEntries(faults) : faults
  const { recoveriesMs = [], operations, seed } = more
  const recovery = recoveriesMs.length === 0 ? {} : { recoveryMs: percentiles(recoveriesMs) }
  process.stderr.write(`[faults] ${JSON.stringify({ title, seed, operations, injected, ...recovery })}\n`)
}

export function percentiles(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
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
