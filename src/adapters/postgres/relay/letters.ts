import type { LoggedEvent } from "../../../domain/event.ts"
import type { Position } from "../../../domain/position.ts"
import type { Subject } from "../../../domain/subject.ts"
import type { Announcement, LettersGlance, RelayLetters, SettledEvent } from "../../../relay/ports.ts"
import type { AnySql, Sql } from "../client.ts"
import { readEventsAt } from "./statements.ts"

/** The relay's dead letters. Each statement goes by an index of what is not settled, or not announced. */
export function createPostgresRelayLetters(sql: Sql): RelayLetters {
  return {
    async glance() {
      const [row] = await sql<[LettersGlance]>`
        select
          (select count(*)::int from reconciler.dead_letters
            where source = 'relay' and state in ('open', 'requeued')) as unsettled,
          exists (select from reconciler.dead_letters
            where source = 'relay' and state = 'requeued') as requeued,
          exists (select from reconciler.dead_letters
            where announced is distinct from state) as unannounced`
      return row
    },

    async blockedSubjects() {
      const rows = await sql<{ subject: Subject; lowest: Position }[]>`
        select '0x' || encode(subject, 'hex') as subject, min(position) as lowest from reconciler.dead_letters
        where source = 'relay' and state in ('open', 'requeued') and blocks_subject group by subject`
      return new Map(rows.map(({ subject, lowest }) => [subject, lowest]))
    },

    async discarded(eventIds) {
      const rows = await sql<{ eventId: string }[]>`
        select event_id as "eventId" from reconciler.dead_letters
        where source = 'relay' and state = 'discarded' and event_id = any(${[...eventIds]}::uuid[])`
      return new Set(rows.map(({ eventId }) => eventId))
    },

    async requeued(limit) {
      await requeueTheirSubjects(sql)
      const rows = await sql<{ letterId: bigint; position: Position; type: string; subject: Subject }[]>`
        select id as "letterId", position, coalesce(type, '') as type, '0x' || encode(subject, 'hex') as subject
        from reconciler.dead_letters
        where source = 'relay' and state = 'requeued'
        order by position, id limit ${limit}`
      const events = await readEventsAt(
        sql,
        rows.map(({ position }) => position),
      )
      const byPosition = new Map<Position, LoggedEvent>(events.map(event => [event.position, event]))
      return rows.map(row => ({ ...row, event: byPosition.get(row.position) ?? null }))
    },

    settle: (epoch, settled, policy) =>
      sql.begin(async tx => {
        if (!(await isNewest(tx, epoch))) return false
        const failed = settled.flatMap(each => (each.state === "open" ? each : []))
        await markResolved(tx, settled)
        await reopen(tx, failed)
        if (policy === "block-subject") await reopenTheirSubjects(tx, failed)
        return true
      }),

    unannounced: limit => readUnannounced(sql, limit),

    async markAnnounced(announced) {
      const rows = announced.map(({ letterId, state }) => ({ id: letterId.toString(), state }))
      await sql`
        update reconciler.dead_letters letter set announced = told.state
        from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as told (id bigint, state text)
        where letter.id = told.id`
    },
  }
}

/** What came to a subject after a person had requeued it goes with the rest. */
async function requeueTheirSubjects(sql: Sql): Promise<void> {
  await sql`
    update reconciler.dead_letters set state = 'requeued', changed_at = now()
    where source = 'relay' and state = 'open' and blocks_subject
      and subject in (
        select subject from reconciler.dead_letters
        where source = 'relay' and state = 'requeued' and blocks_subject)`
}

/** Holds the lease's row until the transaction ends: nobody takes over in between. */
async function isNewest(tx: AnySql, epoch: bigint): Promise<boolean> {
  const rows = await tx`
    select from reconciler.relay_cursor where name = 'relay' and epoch = ${epoch} and holder is not null for share`
  return rows.count === 1
}

async function markResolved(tx: AnySql, settled: readonly SettledEvent[]): Promise<void> {
  const ids = settled.filter(({ state }) => state === "resolved").map(({ letterId }) => letterId.toString())
  await tx`
    update reconciler.dead_letters set state = 'resolved', changed_at = now()
    where id = any(${ids}::bigint[]) and state = 'requeued'`
}

type Failed = Extract<SettledEvent, { state: "open" }>

async function reopen(tx: AnySql, failed: readonly Failed[]): Promise<void> {
  const rows = failed.map(({ letterId, failed: reason }) => ({ id: letterId.toString(), reason }))
  await tx`
    update reconciler.dead_letters letter
    set state = 'open', reason = coalesce(given.reason, letter.reason), changed_at = now(),
      attempts = letter.attempts + case when given.reason is null then 0 else 1 end
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as given (id bigint, reason text)
    where letter.id = given.id and letter.state = 'requeued'`
}

/** Those beyond the limit of this pass, too: they would overtake it with the next one. */
async function reopenTheirSubjects(tx: AnySql, failed: readonly Failed[]): Promise<void> {
  const ids = failed.map(({ letterId }) => letterId.toString())
  await tx`
    update reconciler.dead_letters set state = 'open', changed_at = now()
    where source = 'relay' and state = 'requeued' and blocks_subject
      and subject in (
        select subject from reconciler.dead_letters where id = any(${ids}::bigint[]) and blocks_subject)`
}

interface LetterRow {
  readonly id: string
  readonly changedAtMs: number
  readonly state: string
  readonly subject: Subject | null
  readonly data: Record<string, unknown>
}

/** A type that is none of an event's form may be anything, and is not told. */
async function readUnannounced(sql: Sql, limit: number): Promise<readonly Announcement[]> {
  const rows = await sql<LetterRow[]>`
    select id::text, state, trunc(extract(epoch from changed_at) * 1000)::float8 as "changedAtMs",
      '0x' || encode(subject, 'hex') as subject,
      jsonb_build_object('id', id::text, 'state', state, 'source', source, 'reason', reason, 'attempts', attempts,
        'eventId', event_id, 'position', position::text, 'subject', '0x' || encode(subject, 'hex'),
        'type', case when type ~ '^[a-z0-9.-]{1,64}$' then type end,
        'topic', topic, 'partition', partition, 'offset', "offset"::text, 'fields', fields,
        'blocksSubject', blocks_subject) as data
    from reconciler.dead_letters where announced is distinct from state order by id limit ${limit}`
  return rows.map(({ id, ...row }) => ({ ...row, letterId: BigInt(id) }))
}
