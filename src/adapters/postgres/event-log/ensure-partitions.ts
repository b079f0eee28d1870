import type { PartitionLog } from "../../../outbox/ports.ts"
import { type Clock, systemClock } from "../../../runtime/clock.ts"
import type { Sql } from "../client.ts"
import { withSqlState } from "../sql-state.ts"
import { sortStrays } from "./sort-strays.ts"

const LOCK_NOT_AVAILABLE = "55P03"
const TRIES_AT_MIGRATION = 10

export function createPostgresPartitionLog(sql: Sql, clock: Clock = systemClock): PartitionLog {
  return {
    sortStrays: signal => sortStrays(sql, clock, signal),
    async ensurePartitions(daysAhead) {
      try {
        const [row] = await sql<{ made: number }[]>`select reconciler.ensure_partitions(${daysAhead}) as made`
        return { outcome: "ensured", made: row?.made ?? 0 }
      } catch (error) {
        if (withSqlState(error, LOCK_NOT_AVAILABLE)) return { outcome: "busy" }
        throw error
      }
    },
  }
}

/** At migration: a few tries, and no error after them, because the default partition takes what comes meanwhile. */
export async function retryPartitions(sql: Sql, daysAhead: number): Promise<void> {
  const log = createPostgresPartitionLog(sql)
  for (let tries = 0; tries < TRIES_AT_MIGRATION; tries += 1) {
    if ((await log.ensurePartitions(daysAhead)).outcome === "ensured") return
  }
}
