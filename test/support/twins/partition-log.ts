import type { PartitionLog } from "../../../src/outbox/ports.ts"

const DAY_MS = 86_400_000

export interface InMemoryPartitionLog {
  readonly log: PartitionLog
  /** While someone else holds the log, nothing can be made. */
  hold(): Promise<() => Promise<void>>
}

export function createInMemoryPartitionLog(nowMs: () => number): InMemoryPartitionLog {
  const days = new Set<number>()
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
    },
    async hold() {
      holders += 1
      return async () => {
        holders -= 1
      }
    },
  }
}
