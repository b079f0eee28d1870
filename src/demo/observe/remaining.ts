import type { Sql } from "../../adapters/postgres/client.ts"
import { IP_BLOCK_EXPIRED } from "../../domain/event.ts"
import type { Subject } from "../../domain/subject.ts"
import { FLAG } from "../../domain/word.ts"
import { type ExpectedSubject, isAutomaticBlock } from "../check/expected.ts"
import type { RunRecord } from "../record.ts"
import { readWords } from "./chain.ts"
import { readRows } from "./database.ts"
import type { DayStart, Outside } from "./observe.ts"

/** What is still to come; all zero when the day is over. The keys are shown to people. */
export type Remaining = Readonly<Record<(typeof REMAINING)[number], number>>

export const REMAINING = [
  "operations without an end",
  "blocks not expired",
  "expiries without an end",
  "rows to remove",
  "rows without their flag",
  "blocks standing on the chain",
] as const

export async function readRemaining(
  outside: Outside,
  start: DayStart,
  record: RunRecord,
  expected: ReadonlyMap<Subject, ExpectedSubject>,
): Promise<Remaining> {
  const { sql } = outside
  const due = [...expected.values()].filter(({ expires }) => expires)
  const overRows = [...expected.values()].filter(({ row }) => !row.present && row.over)
  const flagged = [...expected.values()].filter(({ row }) => row.present && row.onChain)
  const [withoutEnd, notExpired, expiriesOpen, rowsLeft, flagRows] = await Promise.all([
    countWithoutEnd(sql, start, record),
    countNotExpired(sql, start, due),
    countOpenExpiries(sql, start),
    readRows(
      sql,
      overRows.map(({ subject }) => subject),
    ),
    readRows(
      sql,
      flagged.map(({ subject }) => subject),
    ),
  ])
  const database = {
    "operations without an end": withoutEnd,
    "blocks not expired": notExpired,
    "expiries without an end": expiriesOpen,
    "rows to remove": rowsLeft.size,
    "rows without their flag": flagged.filter(({ subject }) => flagRows.get(subject)?.onChain !== true)
      .length,
  }
  // The chain is asked last and only when the log says it is done: that is many words a look.
  const done = Object.values(database).every(count => count === 0)
  return {
    ...database,
    "blocks standing on the chain": done ? await countStanding(outside, due) : due.length,
  }
}

async function countWithoutEnd(sql: Sql, start: DayStart, record: RunRecord): Promise<number> {
  const ids = JSON.stringify(record.operations.map(({ eventId }) => eventId))
  const [row] = await sql<[{ count: number }]>`
    select count(*)::int as count from jsonb_array_elements_text(${ids}::text::jsonb) as t (id)
    where t.id::uuid not in (
      select causation_id from reconciler.outbox
      where seq > ${start.position} and causation_id is not null and type ~ '[.](confirmed|rejected|superseded)$'
      union all
      select event_id from reconciler.dead_letters where id > ${start.deadLetterId} and event_id is not null)`
  return row.count
}

async function countNotExpired(sql: Sql, start: DayStart, due: readonly ExpectedSubject[]): Promise<number> {
  const versions = due.flatMap(({ decidedBy }) =>
    decidedBy.who === "us" && isAutomaticBlock(decidedBy.operation)
      ? [`${decidedBy.operation.position}`]
      : [],
  )
  const [row] = await sql<[{ count: number }]>`
    select count(*)::int as count from jsonb_array_elements_text(${JSON.stringify(versions)}::text::jsonb) as t (version)
    where t.version not in (
      select payload ->> 'blockVersion' from reconciler.outbox
      where seq > ${start.position} and type = ${IP_BLOCK_EXPIRED} and payload ? 'blockVersion')`
  return row.count
}

async function countOpenExpiries(sql: Sql, start: DayStart): Promise<number> {
  const [row] = await sql<[{ count: number }]>`
    select count(*)::int as count from reconciler.outbox o
    where o.seq > ${start.position} and o.type = ${IP_BLOCK_EXPIRED}
      and not exists (
        select from reconciler.outbox r
        where r.seq > ${start.position} and r.causation_id = o.event_id and r.type like 'expire-ip-block.%')
      and not exists (select from reconciler.dead_letters d where d.event_id = o.event_id)`
  return row.count
}

async function countStanding(outside: Outside, due: readonly ExpectedSubject[]): Promise<number> {
  const subjects = new Map(due.map(({ subject, registry }) => [subject, registry]))
  const words = await readWords(outside.provider, outside.contracts, subjects)
  return [...words.values()].filter(word => (word & BigInt(FLAG.active)) !== 0n).length
}
