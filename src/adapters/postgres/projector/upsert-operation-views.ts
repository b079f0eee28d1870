import type { OperationState } from "../../../domain/lifecycle.ts"
import { subjectBytes } from "../../../domain/subject.ts"
import type { AnySql } from "../client.ts"

/**
 * Joins what a batch told into the rows: in each group of columns the later event of the log stays (the SQL twin of
 * `evolve`). States must come by rising position: two batches that lock the same rows in two orders would deadlock.
 * A row that would not change is left alone, so a replay writes nothing.
 */
export async function upsertOperationViews(tx: AnySql, states: readonly OperationState[]): Promise<void> {
  if (states.length === 0) return
  await tx`
    insert into reconciler.operation_views as v (
      position, subject, event_id, kind, requested_at, traceparent, expires_at, manual,
      result_seq, result, outcome, reason, transaction_hash, block_number, resulted_at,
      expired_seq, expired_event_id, expired_at, removed_seq, removed_rows, removed_at)
    select
      r.position, decode(r.subject, 'hex'), r.event_id, r.kind, to_timestamp(r.requested_ms / 1000), r.traceparent,
      to_timestamp(r.expires_at), r.manual,
      r.result_seq, r.result, r.outcome, r.reason, decode(r.transaction_hash, 'hex'), r.block_number,
      to_timestamp(r.resulted_ms / 1000),
      r.expired_seq, r.expired_event_id, to_timestamp(r.expired_ms / 1000),
      r.removed_seq, r.removed_rows, to_timestamp(r.removed_ms / 1000)
    from jsonb_to_recordset(${JSON.stringify(states.map(toRow))}::text::jsonb) as r (
      position bigint, subject text, event_id uuid, kind text, requested_ms float8, traceparent text,
      expires_at bigint, manual boolean,
      result_seq bigint, result text, outcome text, reason text, transaction_hash text, block_number bigint,
      resulted_ms float8, expired_seq bigint, expired_event_id uuid, expired_ms float8,
      removed_seq bigint, removed_rows integer, removed_ms float8)
    order by r.position
    on conflict (position) do update set
      (event_id, kind, requested_at, traceparent, expires_at, manual) = (
        select g.event_id, g.kind, g.requested_at, g.traceparent, g.expires_at, g.manual
        from (values
          (v.event_id, v.kind, v.requested_at, v.traceparent, v.expires_at, v.manual),
          (excluded.event_id, excluded.kind, excluded.requested_at, excluded.traceparent, excluded.expires_at,
            excluded.manual)) as g (event_id, kind, requested_at, traceparent, expires_at, manual)
        order by g.event_id is null limit 1),
      (result_seq, result, outcome, reason, transaction_hash, block_number, resulted_at) = (
        select g.* from (values
          (v.result_seq, v.result, v.outcome, v.reason, v.transaction_hash, v.block_number, v.resulted_at),
          (excluded.result_seq, excluded.result, excluded.outcome, excluded.reason, excluded.transaction_hash,
            excluded.block_number, excluded.resulted_at)) as g (seq)
        order by g.seq desc nulls last limit 1),
      (expired_seq, expired_event_id, expired_at) = (
        select g.* from (values
          (v.expired_seq, v.expired_event_id, v.expired_at),
          (excluded.expired_seq, excluded.expired_event_id, excluded.expired_at)) as g (seq)
        order by g.seq desc nulls last limit 1),
      (removed_seq, removed_rows, removed_at) = (
        select g.* from (values
          (v.removed_seq, v.removed_rows, v.removed_at),
          (excluded.removed_seq, excluded.removed_rows, excluded.removed_at)) as g (seq)
        order by g.seq desc nulls last limit 1)
    where (v.event_id is null and excluded.event_id is not null)
      or excluded.result_seq > coalesce(v.result_seq, 0)
      or excluded.expired_seq > coalesce(v.expired_seq, 0)
      or excluded.removed_seq > coalesce(v.removed_seq, 0)`
}

function toRow({ position, subject, requested, resulted, expired, removed }: OperationState): object {
  return {
    position: position.toString(),
    subject: subjectBytes(subject).toString("hex"),
    event_id: requested?.eventId,
    kind: requested?.kind,
    requested_ms: requested?.requestedAtMs,
    traceparent: requested?.traceparent,
    expires_at: requested?.expiresAt,
    manual: requested?.manual,
    result_seq: resulted?.seq.toString(),
    result: resulted?.result,
    outcome: resulted?.outcome,
    reason: resulted?.reason,
    transaction_hash: resulted?.transactionHash?.slice(2),
    block_number: resulted?.blockNumber,
    resulted_ms: resulted?.resultedAtMs,
    expired_seq: expired?.seq.toString(),
    expired_event_id: expired?.eventId,
    expired_ms: expired?.expiredAtMs,
    removed_seq: removed?.seq.toString(),
    removed_rows: removed?.rows,
    removed_ms: removed?.removedAtMs,
  }
}
