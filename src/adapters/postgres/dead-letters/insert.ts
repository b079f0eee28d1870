import type { ISql } from "postgres"
import type { MalformedMessage } from "../../../bus/consume.ts"
import type { NewDeadLetter } from "../../../dead-letters/ports.ts"
import { isPosition } from "../../../domain/position.ts"
import { isSubject, subjectBytes } from "../../../domain/subject.ts"

/** Any handle: a connection, a pool or a transaction, whatever types it was set up with. */
// biome-ignore lint/complexity/noBannedTypes: the driver's own spelling of "no extra types"
type AnySql = ISql<{}>

const MAX_FIELDS = 20
const MAX_FIELD_LENGTH = 100

/**
 * Sets one event or message aside, in the caller's transaction. Setting the same one aside again (same source and
 * message, or same source and event) does nothing. Never fails because of what it is told: a dead letter that cannot
 * be stored would hold up everything behind it.
 */
export async function insertDeadLetter(tx: AnySql, letter: NewDeadLetter): Promise<void> {
  const fields = (letter.fields ?? []).slice(0, MAX_FIELDS).map(field => clean(field, MAX_FIELD_LENGTH))
  await tx`
    insert into reconciler.dead_letters
      (source, reason, event_id, position, type, subject, topic, partition, "offset", fields)
    values (
      ${letter.source}, ${letter.reason}, ${letter.eventId ?? null}, ${letter.position?.toString() ?? null},
      ${letter.type ? clean(letter.type, MAX_FIELD_LENGTH) : null},
      ${letter.subject ? subjectBytes(letter.subject) : null}, ${letter.topic ?? null},
      ${letter.partition ?? null}, ${letter.offset?.toString() ?? null}, ${fields})
    on conflict do nothing`
}

/** Sets aside the messages of a batch that could not be read, with what of their headers is well-formed. */
export async function insertMalformed(
  tx: AnySql,
  source: string,
  malformed: readonly MalformedMessage[],
): Promise<void> {
  for (const { message, reason, fields } of malformed) {
    const { topic, partition, offset, headers } = message
    await insertDeadLetter(tx, { source, reason, fields, topic, partition, offset, ...knownHeaders(headers) })
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const EVENT_TYPE = /^caregrid\.[a-z0-9.-]{1,64}$/

/** A header that is not what it should be may hold anything, also a name: it is left out. */
function knownHeaders(
  headers: Readonly<Record<string, string>>,
): Pick<NewDeadLetter, "eventId" | "position" | "type" | "subject"> {
  const { ce_id: id, ce_position: position, ce_type: type, ce_subject: subject } = headers
  return {
    eventId: id && UUID.test(id) ? id.toLowerCase() : null,
    position: position && isPosition(position) ? BigInt(position) : null,
    type: type && EVENT_TYPE.test(type) ? type.slice("caregrid.".length) : null,
    subject: subject && isSubject(subject) ? subject : null,
  }
}

/** Postgres refuses NUL in text. */
function clean(text: string, maxLength: number): string {
  return text.replaceAll("\0", "").slice(0, maxLength)
}
