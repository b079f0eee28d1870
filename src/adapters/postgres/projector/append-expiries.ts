import { IP_BLOCK_EXPIRED } from "../../../domain/event.ts"
import { operationTag } from "../../../domain/word.ts"
import type { AnySql } from "../client.ts"
import type { DueTimer } from "./due-timers.ts"

/** Appends `ip-block.expired` for each and marks its row, in one statement of the caller's transaction. */
export async function appendExpiries(tx: AnySql, due: readonly DueTimer[]): Promise<void> {
  if (due.length === 0) return
  const rows = due.map(block => ({
    position: block.position.toString(),
    subject: block.subject,
    causation: block.eventId,
    traceparent: block.traceparent,
    payload: {
      blockVersion: block.position.toString(),
      blockTag: operationTag(block.eventId).toString(16).padStart(16, "0"),
      expiresAt: block.expiresAt,
    },
  }))
  await tx`
    with appended as materialized (
      select r.position, a.seq, a.event_id, a.occurred_at
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
          as r (position bigint, subject text, causation uuid, traceparent text, payload jsonb)
        cross join lateral reconciler.append_internal(
          ${IP_BLOCK_EXPIRED}, decode(r.subject, 'hex'), r.payload, r.causation, r.traceparent) a)
    update reconciler.operation_views v
    set expired_seq = appended.seq, expired_event_id = appended.event_id, expired_at = appended.occurred_at
    from appended where v.position = appended.position`
}
