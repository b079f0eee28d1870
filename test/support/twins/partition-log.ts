import type { PartitionLog } from "../../../src/outbox/ports.ts"

const DAY_MS = 86_400_000

export interface InMemoryPartitionLog {
  readonly log: PartitionLog
  append(daysFromNow: number): Promise<void>
  strays(): Promise<number>
  /** While someone else holds the log, nothing can be made. */
  hold(): Promise<() => Promise<void>>
}

export function createInMemoryPartitionLog(nowMs: () => number): InMemoryPartitionLog {
  const days = new Set<number>()
  const strays: number[] = []
  let holders = 0
  return {
    log: {
      async ensurePartitions(daysAhead) {
        const today = Math.floor(nowMs() / DAY_MS)
        const wanted = Array.from({ length: daysAhead + 1 }, (_, ahead) => today + ahead)
        const missing = wanted.filter(day => !days.has(day))
        if (missing.length > 0 && holders > 0) return { outcome: "busy" }
        for (const day of missing) days.add(day)
        return { outcome: "ensured", made: missing.length }
      },
      async sortStrays() {
        const missing = new Set(strays)
        if (missing.size > 0 && holders > 0) return { outcome: "busy" }
        for (const day of missing) days.add(day)
        return { outcome: "sorted", moved: strays.splice(0).length, days: missing.size }
      },
    },
    async append(daysFromNow) {
      const day = Math.floor(nowMs() / DAY_MS) + daysFromNow
      if (!days.has(day)) strays.push(day)
    },
    strays: async () => strays.length,
    async hold() {
      holders += 1
      return async () => {
        holders -= 1
      }
    },
  }
}
