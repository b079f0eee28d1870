import type { BusFinding, BusFindings } from "../../../src/bus/findings.ts"

export function createInMemoryBusFindings(nowMs: () => number = Date.now): BusFindings {
  const open = new Map<string, { finding: BusFinding; about: string; sinceMs: number }>()
  const key = (finding: BusFinding, about: string) => `${finding} ${about}`
  return {
    async open(finding, about, forMs = 0) {
      if (open.has(key(finding, about))) return
      open.set(key(finding, about), { finding, about, sinceMs: Math.trunc(nowMs() - forMs) })
    },
    close: async (finding, about) => void open.delete(key(finding, about)),
    list: async () => [...open.values()].toSorted((one, other) => one.sinceMs - other.sinceMs),
  }
}
