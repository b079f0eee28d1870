import type { Lifecycle } from "../../../domain/lifecycle.ts"
import type { Sql } from "../client.ts"

export interface ReadModelStatus {
  /** Requested operations by where they are, expiries of blocks (operations of this system's own) not counted. */
  readonly counts: Readonly<Record<Lifecycle, number>>
  /** Age of the oldest operation without a result, by the database clock; null when every one has one. */
  readonly oldestUnresultedMs: number | null
  /** Blocks whose timer has run out and whose expiry was not told yet, and those whose timer still runs. */
  readonly timers: { readonly due: number; readonly running: number; readonly nextDueInMs: number | null }
  /** Expired blocks of which it was not told yet that they are out of the app's table. */
  readonly awaitingRemoval: number
}

/** How far the read model is; reads every row once, so it is for a person's question and not for each second. */
export async function readReadModelStatus(sql: Sql): Promise<ReadModelStatus> {
  const [counts, [open], [timers], [removals]] = await Promise.all([
    sql<{ lifecycle: Lifecycle; count: number }[]>`
      select case when removed_seq is not null then 'removed' when expired_seq is not null then 'expired'
          else coalesce(result, 'requested') end as lifecycle, count(*)::int as count
      from reconciler.operation_views where kind is distinct from 'expire-ip-block' group by 1`,
    sql<{ ageMs: number | null }[]>`
      select trunc(extract(epoch from clock_timestamp() - min(requested_at)) * 1000)::float8 as "ageMs"
      from reconciler.operation_views where result is null`,
    sql<{ due: number; running: number; nextDueInMs: number | null }[]>`
      select count(*) filter (where expires_at <= now())::int as due,
        count(*) filter (where expires_at > now())::int as running,
        ceil(extract(epoch from min(expires_at) filter (where expires_at > now()) - now()) * 1000)::float8
          as "nextDueInMs"
      from reconciler.operation_views
      where result = 'confirmed' and expires_at is not null and expired_seq is null and not timer_void`,
    sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.operation_views
      where expired_seq is not null and removed_seq is null`,
  ])
  const byLifecycle = { requested: 0, confirmed: 0, rejected: 0, superseded: 0, expired: 0, removed: 0 }
  for (const { lifecycle, count } of counts) byLifecycle[lifecycle] = count
  return {
    counts: byLifecycle,
    oldestUnresultedMs: open?.ageMs ?? null,
    timers: timers ?? { due: 0, running: 0, nextDueInMs: null },
    awaitingRemoval: removals?.count ?? 0,
  }
}
