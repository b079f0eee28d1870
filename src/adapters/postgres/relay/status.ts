import type { RelayStatus } from "../../../relay/ports.ts"
import type { Sql } from "../client.ts"

/** Counting a long backlog would take seconds, and would tell no more than that it is long. */
const MAX_COUNTED = 100_000

export function createPostgresRelayStatus(sql: Sql): RelayStatus {
  return {
    async waiting() {
      const [row] = await sql<[{ waiting: number; oldestAgeMs: number | null }]>`
        select count(*)::int as waiting,
          (extract(epoch from clock_timestamp() - min(occurred_at)) * 1000)::float8 as "oldestAgeMs"
        from (
          select occurred_at from reconciler.outbox
          where seq > coalesce((select position from reconciler.relay_cursor where name = 'relay'), 0)
          order by seq limit ${MAX_COUNTED}
        ) as unpublished`
      return row
    },
  }
}
