import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterSummary,
  DeadLetters,
} from "../../../dead-letters/ports.ts"
import { subjectBytes } from "../../../domain/subject.ts"
import type { AnySql, Sql } from "../client.ts"

export function createDeadLetters(sql: Sql): DeadLetters {
  return {
    list: ({ limit, after = 0n, filter = {} }) => sql<DeadLetter[]>`
      select ${letterColumns(sql)}
      from reconciler.dead_letters where id > ${after} ${conditions(sql, filter)} order by id limit ${limit}`,

    async count() {
      return (await readSummary(sql)).unsettled
    },

    summary: () => readSummary(sql),
  }
}

export const letterColumns = (sql: AnySql) => sql`
  id, source, reason, event_id as "eventId", position, type, '0x' || encode(subject, 'hex') as subject, topic,
  partition, "offset", app_table as "appTable", app_row_id as "appRowId", fields, blocks_subject as "blocksSubject", state, attempts,
  trunc(extract(epoch from created_at) * 1000)::float8 as "createdAtMs",
  trunc(extract(epoch from changed_at) * 1000)::float8 as "changedAtMs",
  discarded_by as "discardedBy", discard_reason as "discardReason"`

function conditions(sql: Sql, { ids, states, source, reason, type, subject }: DeadLetterFilter) {
  return sql`
    ${ids ? sql`and id = any(${ids.map(String)}::bigint[])` : sql``}
    ${states ? sql`and state = any(${[...states]}::text[])` : sql``}
    ${source === undefined ? sql`` : sql`and source = ${source}`}
    ${reason === undefined ? sql`` : sql`and reason = ${reason}`}
    ${type === undefined ? sql`` : sql`and type = ${type}`}
    ${subject === undefined ? sql`` : sql`and subject = ${subjectBytes(subject)}`}`
}

/** By the index of what is not settled. */
async function readSummary(sql: Sql): Promise<DeadLetterSummary> {
  const [row] = await sql<[DeadLetterSummary]>`
    select count(*)::int as unsettled, (count(*) filter (where state = 'requeued'))::int as requeued,
      (count(distinct subject) filter (where blocks_subject))::int as "blockedSubjects",
      trunc(extract(epoch from min(created_at)) * 1000)::float8 as "oldestMs"
    from reconciler.dead_letters where state in ('open', 'requeued')`
  return row
}
