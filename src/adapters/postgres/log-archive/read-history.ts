import type { EventRecord } from "../../../domain/event.ts"
import { subjectFromBytes } from "../../../domain/subject.ts"
import type { ArchiveFiles } from "../../../outbox/archive-ports.ts"
import { EXIT, OperatorError } from "../../../runtime/errors.ts"
import type { Sql } from "../client.ts"

const EVENTS_A_READ = 2_000

/**
 * Every event there ever was, in the order of positions: first the days that are out of the log, from their files, then
 * the log. Throws OperatorError (exit code 78) when a day is archived and there are no files, and (75) when one was taken
 * out of the log meanwhile.
 */
export async function* readHistory(
  sql: Sql,
  files: ArchiveFiles | null,
): AsyncGenerator<readonly EventRecord[]> {
  const archived = await readArchivedFiles(sql)
  for (const file of archived) {
    if (!files) {
      throw new OperatorError(
        "Days of the log are archived: set LOG_ARCHIVE_DIRECTORY to where their files are.",
        EXIT.configuration,
      )
    }
    for await (const lines of files.lines(file)) yield lines.map(toEvent)
  }
  yield* readLog(sql)
  const now = await readArchivedFiles(sql)
  if (now.length > archived.length) {
    throw new OperatorError("A day of the log was archived meanwhile: run this again.", EXIT.tryAgain)
  }
}

/** Of days that are not in the log; those between their detach and their drop too. */
async function readArchivedFiles(sql: Sql): Promise<readonly string[]> {
  const rows = await sql<{ file: string }[]>`
    select file from reconciler.archives a
    where not exists (
      select from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'reconciler.outbox'::regclass and c.relname = a.partition)
    order by from_seq`
  return rows.map(row => row.file)
}

async function* readLog(sql: Sql): AsyncGenerator<readonly EventRecord[]> {
  let after = -1n
  for (;;) {
    const events = await readEvents(sql, after)
    const last = events.at(-1)
    if (!last) return
    after = last.position
    yield events
  }
}

interface OutboxRow extends Omit<EventRecord, "subject"> {
  readonly subject: Uint8Array
}

/** By the primary key of the partitions. */
async function readEvents(sql: Sql, after: bigint): Promise<readonly EventRecord[]> {
  const rows = await sql<OutboxRow[]>`
    select seq as position, event_id as "eventId", type, subject, payload,
      date_part('epoch', occurred_at) * 1000 as "occurredAtMs", traceparent, causation_id as "causationId", backfill
    from reconciler.outbox where seq > ${after} order by seq limit ${EVENTS_A_READ}`
  return rows.map(row => ({ ...row, subject: subjectFromBytes(row.subject) }))
}

interface ArchivedLine {
  readonly seq: string
  readonly event_id: string
  readonly type: string
  /** Hex digits. */
  readonly subject: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly occurred_at: string
  readonly traceparent: string | null
  readonly causation_id: string | null
  /** Not in files of the time before there was such a mark. */
  readonly backfill?: boolean
}

/** Its file's hash was compared when it was written, and the database that wrote the line had checked it. */
function toEvent(line: string): EventRecord {
  const archived = JSON.parse(line) as ArchivedLine
  return {
    position: BigInt(archived.seq),
    eventId: archived.event_id,
    type: archived.type,
    subject: `0x${archived.subject}`,
    payload: archived.payload,
    occurredAtMs: Date.parse(archived.occurred_at),
    traceparent: archived.traceparent,
    causationId: archived.causation_id,
    backfill: archived.backfill ?? false,
  }
}
