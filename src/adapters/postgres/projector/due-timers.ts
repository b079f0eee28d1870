import type { AnySql } from "../client.ts"

/** A confirmed automatic block whose expiry was not told yet; the condition of index operation_views_timers. */
const running = (sql: AnySql) => sql`
  v.result = 'confirmed' and v.expires_at is not null and v.expired_seq is null and not v.timer_void`

/**
 * A block or unblock of the same subject with a higher version. `expire-ip-block` changes no version, so it is none.
 * Without a kind (its result came before its request) it counts until it is known.
 */
const newer = (sql: AnySql) => sql`
  n.subject = v.subject and n.position > v.position and n.kind is distinct from 'expire-ip-block'`

/**
 * Stops due timers whose block a newer operation has replaced for good; else every pass would look at them again.
 * Where the newer one is still open nothing is decided: if it is rejected, this block stands and its timer runs.
 */
export async function voidReplacedTimers(tx: AnySql, limit: number): Promise<void> {
  await tx`
    update reconciler.operation_views set timer_void = true
    where position in (
      select v.position from reconciler.operation_views v
      where ${running(tx)} and v.expires_at <= now()
        and exists (
          select from reconciler.operation_views n
          where ${newer(tx)} and n.kind is not null and n.result in ('confirmed', 'superseded'))
      order by v.expires_at limit ${limit}
      for update of v skip locked)`
}

export interface DueTimer {
  readonly position: bigint
  /** 64 hex digits. */
  readonly subject: string
  readonly eventId: string
  readonly traceparent: string | null
  /** Unix seconds. */
  readonly expiresAt: number
}

/** Locks and returns at most `limit` blocks that are due, longest due first. Another process's are skipped. */
export async function lockDueTimers(tx: AnySql, limit: number): Promise<readonly DueTimer[]> {
  return tx<DueTimer[]>`
    select v.position, encode(v.subject, 'hex') as subject, v.event_id as "eventId", v.traceparent,
      extract(epoch from v.expires_at)::float8 as "expiresAt"
    from reconciler.operation_views v
    where ${running(tx)} and v.expires_at <= now()
      and not exists (
        select from reconciler.operation_views n
        where ${newer(tx)} and n.result is distinct from 'rejected')
    order by v.expires_at limit ${limit}
    for update of v skip locked`
}

/** Milliseconds until the next running timer is due, by the database clock. */
export async function readNextDueInMs(sql: AnySql): Promise<number | null> {
  const [row] = await sql<{ ms: number | null }[]>`
    select ceil(extract(epoch from min(v.expires_at) - clock_timestamp()) * 1000)::float8 as ms
    from reconciler.operation_views v
    where ${running(sql)} and v.expires_at > now()`
  return row?.ms == null ? null : Math.max(0, row.ms)
}
