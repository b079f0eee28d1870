import type { EventRecord } from "../../../domain/event.ts"
import type { Position } from "../../../domain/position.ts"
import { subjectBytes } from "../../../domain/subject.ts"
import type { EndedBlock, Work } from "../../../write-back/work.ts"
import type { AnySql } from "../client.ts"

/**
 * The requests at these positions, as far as they are in the log. Read there and not in the read model: the log has
 * the event for sure, the projector may not have come to it yet.
 */
export async function readRequests(
  tx: AnySql,
  positions: readonly Position[],
): Promise<readonly Pick<EventRecord, "position" | "payload">[]> {
  if (positions.length === 0) return []
  return tx<Pick<EventRecord, "position" | "payload">[]>`
    select o.seq as position, o.payload
    from reconciler.outbox o
    where o.seq in (
      select p.seq::bigint from jsonb_array_elements_text(${JSON.stringify(positions.map(String))}::text::jsonb) as p (seq))`
}

export interface PlannedWork extends Work {
  /** For a removal, whose row it is about: it is not looked at before that block's end. */
  readonly block: EndedBlock | null
}

/** Remembers what is to be written back. The same operation, or another result of the same block, again does nothing. */
export async function insertWork(tx: AnySql, works: readonly PlannedWork[]): Promise<void> {
  if (works.length === 0) return
  const rows = works.map(work => ({
    position: work.operationPosition.toString(),
    operation_id: work.operationId,
    table_name: work.table,
    subject: subjectBytes(work.subject).toString("hex"),
    action: work.action,
    transaction_hash: work.transactionHash?.slice(2),
    block_version: work.block?.version.toString(),
    expires_at: work.block?.expiresAt,
    traceparent: work.traceparent,
  }))
  await tx`
    insert into reconciler.write_backs (operation_position, operation_id, table_name, subject, action,
      transaction_hash, block_version, traceparent, due_at)
    select r.position, r.operation_id, r.table_name, decode(r.subject, 'hex'), r.action,
      decode(r.transaction_hash, 'hex'), r.block_version, r.traceparent,
      greatest(now(), to_timestamp(r.expires_at))
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as r (
      position bigint, operation_id uuid, table_name text, subject text, action text,
      transaction_hash text, block_version bigint, expires_at float8, traceparent text)
    order by r.position
    on conflict do nothing`
}
