import type { Sql } from "../../adapters/postgres/client.ts"
import type { Position } from "../../domain/position.ts"
import { type Subject, subjectFromBytes } from "../../domain/subject.ts"
import { CAREGRID_TABLES } from "../../integrations/caregrid/tables.ts"
import type { AppRow, LoggedEvent, Observations } from "./observations.ts"

/** Where the day begins in the log and among the dead letters. */
export interface DatabaseStart {
  readonly position: Position
  readonly deadLetterId: bigint
}

export async function readDatabaseStart(sql: Sql): Promise<DatabaseStart> {
  const [row] = await sql<[DatabaseStart]>`
    select coalesce((select max(seq) from reconciler.outbox), 0) as position,
      coalesce((select max(id) from reconciler.dead_letters), 0) as "deadLetterId"`
  return row
}

export async function readLog(sql: Sql, after: Position): Promise<readonly LoggedEvent[]> {
  const rows = await sql<(Omit<LoggedEvent, "subject" | "occurredAtMs"> & { subject: Buffer; at: Date })[]>`
    select seq as position, event_id as "eventId", type, subject, payload, occurred_at as at,
      causation_id as "causationId"
    from reconciler.outbox where seq > ${after} order by seq`
  return rows.map(({ at, subject, ...event }) => ({
    ...event,
    subject: subjectFromBytes(subject),
    occurredAtMs: at.getTime(),
  }))
}

export async function readDeadLetters(sql: Sql, after: bigint): Promise<Observations["deadLetters"]> {
  return sql<{ eventId: string | null; reason: string }[]>`
    select event_id as "eventId", reason from reconciler.dead_letters where id > ${after} order by id`
}

/** The app's rows of these subjects, from all of its tables. */
export async function readRows(
  sql: Sql,
  subjects: readonly Subject[],
): Promise<ReadonlyMap<Subject, AppRow>> {
  const list = JSON.stringify(subjects)
  const tables = await Promise.all(
    APP_COLUMNS.map(async ({ table, subject, manual }) => {
      const { flag, hash } = CAREGRID_TABLES[table]
      const rows = await sql<(Omit<AppRow, "table"> & { subject: Subject })[]>`
        select ${sql(subject)} as subject, ${sql(flag)} as "onChain", ${sql(hash)} as "transactionHash",
          ${manual ? sql`is_manual` : sql`null::boolean`} as manual
        from ${sql(table)}
        where ${sql(subject)} in (select t.subject from jsonb_array_elements_text(${list}::text::jsonb) as t (subject))`
      return rows.map(({ subject, ...row }) => [subject, { ...row, table }] as const)
    }),
  )
  return new Map(tables.flat())
}

const APP_COLUMNS = [
  { table: "core_patient", subject: "blockchain_id", manual: false },
  { table: "firewall_blockedip", subject: "ip_hash", manual: true },
  { table: "firewall_attackpattern", subject: "pattern_hash", manual: false },
] as const
