import type { Position } from "../../../domain/position.ts"
import { subjectBytes } from "../../../domain/subject.ts"
import type { Work } from "../../../write-back/work.ts"
import type { AnySql } from "../client.ts"

/**
 * The versions of the blocks that these expiries ended, by the expiry's position. Read from the log and not from the
 * read model: the log has the event for sure, the projector may not have come to it yet.
 */
export async function readBlockVersions(
  tx: AnySql,
  expiries: readonly Position[],
): Promise<ReadonlyMap<Position, Position>> {
  if (expiries.length === 0) return new Map()
  const rows = await tx<{ seq: bigint; blockVersion: bigint }[]>`
    select o.seq, (o.payload ->> 'blockVersion')::bigint as "blockVersion"
    from reconciler.outbox o
    where o.seq in (
      select e.seq::bigint from jsonb_array_elements_text(${JSON.stringify(expiries.map(String))}::text::jsonb) as e (seq))
      and o.payload ? 'blockVersion'`
  return new Map(rows.map(row => [row.seq, row.blockVersion]))
}

/** Remembers what is to be written back. The same operation, or another expiry of the same block, again does nothing. */
export async function insertWork(
  tx: AnySql,
  works: readonly Work[],
  blockVersions: ReadonlyMap<Position, Position>,
): Promise<void> {
  if (works.length === 0) return
  const rows = works.map(work => ({
    position: work.operationPosition.toString(),
    operation_id: work.operationId,
    table_name: work.table,
    subject: subjectBytes(work.subject).toString("hex"),
    action: work.action,
    transaction_hash: work.transactionHash?.slice(2),
    block_version: blockVersions.get(work.operationPosition)?.toString(),
    traceparent: work.traceparent,
  }))
  await tx`
    insert into reconciler.write_backs (operation_position, operation_id, table_name, subject, action,
      transaction_hash, block_version, traceparent)
    select r.position, r.operation_id, r.table_name, decode(r.subject, 'hex'), r.action,
      decode(r.transaction_hash, 'hex'), r.block_version, r.traceparent
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as r (
      position bigint, operation_id uuid, table_name text, subject text, action text,
      transaction_hash text, block_version bigint, traceparent text)
    order by r.position
    on conflict do nothing`
}
