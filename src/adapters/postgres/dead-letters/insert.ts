import type { ISql } from "postgres"
import type { MalformedMessage } from "../../../bus/consume.ts"
import { knownHeaders, placeOf } from "../../../bus/known-headers.ts"
import type { NewDeadLetter } from "../../../dead-letters/ports.ts"
import { subjectBytes } from "../../../domain/subject.ts"

/** Any handle: a connection, a pool or a transaction, whatever types it was set up with. */
// biome-ignore lint/complexity/noBannedTypes: the driver's own spelling of "no extra types"
type AnySql = ISql<{}>

const MAX_FIELDS = 20
const MAX_FIELD_LENGTH = 100

/** Letters in one statement. */
const CHUNK = 500

/**
 * Sets events or messages aside, in the caller's transaction. Setting the same one aside again (same source and message,
 * or same source and event) does nothing, unless it was resolved: then it is open again. Never fails because of what it
 * is told: a dead letter that cannot be stored would hold up everything behind it.
 */
export async function insertDeadLetters(tx: AnySql, letters: readonly NewDeadLetter[]): Promise<void> {
  for (let from = 0; from < letters.length; from += CHUNK) {
    const rows = letters.slice(from, from + CHUNK).map(toRow)
    const inserted = await insertRows(tx, rows)
    if (inserted < rows.length) await reopenResolved(tx, rows)
  }
}

export function insertDeadLetter(tx: AnySql, letter: NewDeadLetter): Promise<void> {
  return insertDeadLetters(tx, [letter])
}

function toRow(letter: NewDeadLetter) {
  const fields = (letter.fields ?? []).slice(0, MAX_FIELDS).map(field => clean(field, MAX_FIELD_LENGTH))
  return {
    source: letter.source,
    reason: letter.reason,
    event_id: letter.eventId ?? null,
    position: letter.position?.toString() ?? null,
    type: letter.type ? clean(letter.type, MAX_FIELD_LENGTH) : null,
    subject: letter.subject ? subjectBytes(letter.subject).toString("hex") : null,
    topic: letter.topic ?? null,
    partition: letter.partition ?? null,
    offset: letter.offset?.toString() ?? null,
    fields,
    blocks_subject: letter.blocksSubject ?? false,
  }
}

type Row = ReturnType<typeof toRow>

const columns = (tx: AnySql) =>
  tx`(source text, reason text, event_id uuid, position bigint, type text, subject text, topic text,
      partition int, "offset" bigint, fields text[], blocks_subject boolean)`

async function insertRows(tx: AnySql, rows: readonly Row[]): Promise<number> {
  const inserted = await tx`
    insert into reconciler.dead_letters
      (source, reason, event_id, position, type, subject, topic, partition, "offset", fields, blocks_subject)
    select source, reason, event_id, position, type, decode(subject, 'hex'), topic, partition, "offset", fields,
      blocks_subject
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as given ${columns(tx)}
    on conflict do nothing`
  return inserted.count
}

/** It failed again after it had passed: a release that knew its type was taken back, for example. */
async function reopenResolved(tx: AnySql, rows: readonly Row[]): Promise<void> {
  await tx`
    update reconciler.dead_letters letter
    set state = 'open', attempts = attempts + 1, reason = given.reason, fields = given.fields,
      blocks_subject = given.blocks_subject, changed_at = now()
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as given ${columns(tx)}
    where letter.state = 'resolved' and letter.source = given.source and (
      letter.event_id = given.event_id
      or (letter.topic, letter.partition, letter."offset") = (given.topic, given.partition, given."offset"))`
}

/**
 * Sets aside the messages of a batch that could not be read, with what of their headers is well-formed. With `blocks`,
 * those that have a place in their subject's order hold it back; one that nobody can place is none of the log's.
 */
export async function insertMalformed(
  tx: AnySql,
  source: string,
  malformed: readonly MalformedMessage[],
  { blocks = false }: { readonly blocks?: boolean } = {},
): Promise<void> {
  await insertDeadLetters(
    tx,
    malformed.map(({ message, reason, fields }) => {
      const { topic, partition, offset, headers } = message
      const known = knownHeaders(headers)
      const blocksSubject = blocks && placeOf(headers) !== null
      return { source, reason, fields, topic, partition, offset, ...known, blocksSubject }
    }),
  )
}

/** Postgres refuses NUL in text. */
function clean(text: string, maxLength: number): string {
  return text.replaceAll("\0", "").slice(0, maxLength)
}
