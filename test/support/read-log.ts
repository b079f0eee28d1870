import type { Sql } from "../../src/adapters/postgres/client.ts"
import type { EventRecord } from "../../src/domain/event.ts"

/** The log's events about one subject, in their order. */
export async function readLogAbout(sql: Sql, subject: string): Promise<readonly EventRecord[]> {
  return sql<EventRecord[]>`
    select seq as position, event_id as "eventId", type, '0x' || encode(subject, 'hex') as subject, payload,
      trunc(extract(epoch from occurred_at) * 1000)::float8 as "occurredAtMs", traceparent,
      causation_id as "causationId", backfill
    from reconciler.outbox where subject = decode(${subject.slice(2)}, 'hex') order by seq`
}

/** Puts an event into the log as it is, with its position and id. */
export async function writeToLog(sql: Sql, event: EventRecord): Promise<void> {
  await sql`
    insert into reconciler.outbox (seq, event_id, type, subject, payload, traceparent, causation_id, backfill)
    values (${event.position}, ${event.eventId}, ${event.type}, decode(${event.subject.slice(2)}, 'hex'),
      ${JSON.stringify(event.payload)}::text::jsonb, ${event.traceparent}, ${event.causationId},
      ${event.backfill})`
}
