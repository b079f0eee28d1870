import { IP_BLOCK_REMOVED } from "../../../domain/event.ts"
import type { Position } from "../../../domain/position.ts"
import { subjectBytes } from "../../../domain/subject.ts"
import type { AnySql } from "../client.ts"
import type { ClaimedWork } from "./claim-work.ts"

export interface Removal {
  readonly work: ClaimedWork
  /** How many rows went: 1, or 0 when there was none to take out. */
  readonly rows: number
}

/** Tells of removals and marks them done: the mark is what keeps one from being told twice. */
export async function appendRemovals(tx: AnySql, removals: readonly Removal[]): Promise<void> {
  if (removals.length === 0) return
  const rows = removals.map(({ work, rows }) => ({
    position: work.operationPosition.toString(),
    subject: subjectBytes(work.subject).toString("hex"),
    causation: work.operationId,
    traceparent: work.traceparent,
    payload: { blockVersion: String(work.blockVersion), rows },
  }))
  await tx`
    with appended as materialized (
      select r.position, a.seq
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
          as r (position bigint, subject text, causation uuid, traceparent text, payload jsonb)
        cross join lateral reconciler.append_internal(
          ${IP_BLOCK_REMOVED}, decode(r.subject, 'hex'), r.payload, r.causation, r.traceparent) a)
    update reconciler.write_backs w set done_at = now()
    from appended where w.operation_position = appended.position`
}

/** Flags leave when they are settled: setting one again, should its result come again, changes nothing. */
export async function deleteWork(tx: AnySql, positions: readonly Position[]): Promise<void> {
  if (positions.length === 0) return
  await tx`
    delete from reconciler.write_backs
    where operation_position in (
      select p.position::bigint
      from jsonb_array_elements_text(${JSON.stringify(positions.map(String))}::text::jsonb) as p (position))`
}

export interface Postponement {
  readonly position: Position
  readonly ms: number
}

/** Looks again later: what cannot be settled yet must not stand in the way of what can. */
export async function postponeWork(tx: AnySql, postponed: readonly Postponement[]): Promise<void> {
  if (postponed.length === 0) return
  const rows = postponed.map(({ position, ms }) => ({ position: position.toString(), ms }))
  await tx`
    update reconciler.write_backs w set due_at = clock_timestamp() + r.ms * interval '1 millisecond'
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as r (position bigint, ms float8)
    where w.operation_position = r.position`
}
