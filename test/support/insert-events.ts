import type { Sql } from "../../src/adapters/postgres/client.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { subjectBytes } from "../../src/domain/subject.ts"

/** Straight into the log, past `append` and all its rules, at the positions that they have. */
export async function insertEvents(sql: Sql, events: readonly EventRecord[]): Promise<void> {
  for (const {
    position,
    eventId,
    type,
    subject,
    payload,
    occurredAtMs,
    traceparent,
    causationId,
  } of events) {
    await sql`
      insert into reconciler.outbox
        (seq, event_id, type, subject, payload, occurred_at, traceparent, causation_id)
      values (${position}, ${eventId}, ${type}, ${subjectBytes(subject)}, ${JSON.stringify(payload)}::text::jsonb,
        to_timestamp(${occurredAtMs / 1_000}::float8), ${traceparent}, ${causationId})`
  }
}

/** The same at positions that the log gives them, as for whoever writes past `append`: the events as they stand there. */
export async function insertNext(sql: Sql, events: readonly EventRecord[]): Promise<EventRecord[]> {
  const placed: EventRecord[] = []
  for (const event of events) {
    const { eventId, type, subject, payload, traceparent, causationId } = event
    const [row] = await sql<[{ position: bigint }]>`
      insert into reconciler.outbox (event_id, type, subject, payload, traceparent, causation_id)
      values (${eventId}, ${type}, ${subjectBytes(subject)}, ${JSON.stringify(payload)}::text::jsonb,
        ${traceparent}, ${causationId})
      returning seq as position`
    placed.push({ ...event, position: row.position })
  }
  return placed
}
