import type { Finding } from "../../../ops/finding.ts"
import type { Sql } from "../client.ts"

/** Shorter ones are an application at work. */
const BLOCKS_AFTER_MS = 5_000
const SHOWN_CHARACTERS = 120

/** A transaction that wrote to the log, is still open, and holds back all later events. */
export interface Blocker {
  /** Of the server process; null for a prepared transaction, which has none. */
  readonly pid: number | null
  /** The application's name, or the prepared transaction's. */
  readonly who: string
  /** Its current or last statement, without what stands in quotes and without numbers: they could be a patient's. */
  readonly query: string
  readonly ageMs: number
  /** Unix milliseconds, by the database's clock. */
  readonly sinceMs: number
}

/** Oldest first. Of other roles' sessions only a member of pg_read_all_stats sees the query. */
export async function readBlockers(sql: Sql, olderThanMs = BLOCKS_AFTER_MS): Promise<readonly Blocker[]> {
  const rows = await sql<(Blocker & { query: string | null })[]>`
    with holders as (
      select distinct pid, virtualtransaction from pg_locks
      where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
        and database = (select oid from pg_database where datname = current_database())
        and relation in (select relid from pg_partition_tree('reconciler.outbox')))
    select h.pid, coalesce(nullif(a.application_name, ''), 'unnamed') as who, a.query,
      (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as "ageMs",
      (extract(epoch from a.xact_start) * 1000)::float8 as "sinceMs"
    from holders h join pg_stat_activity a using (pid)
    where a.xact_start < clock_timestamp() - ${olderThanMs} * interval '1 ms'
    union all
    select null, 'prepared transaction ' || p.gid, '',
      (extract(epoch from clock_timestamp() - p.prepared) * 1000)::float8,
      (extract(epoch from p.prepared) * 1000)::float8
    from holders h
    join pg_locks l on l.virtualtransaction = h.virtualtransaction and l.locktype = 'transactionid'
    join pg_prepared_xacts p on p.transaction = l.transactionid
    where h.pid is null and p.prepared < clock_timestamp() - ${olderThanMs} * interval '1 ms'
    order by 4 desc`
  return rows.map(row => ({ ...row, query: withoutValues(row.query ?? "") }))
}

/** One a transaction: whom to end, or whose pool to mend. */
export function blockerFindings(blockers: readonly Blocker[]): readonly Finding[] {
  return blockers.map(({ pid, who, query, ageMs, sinceMs }) => ({
    finding: "relay-held-back",
    about: [pid === null ? who : `pid ${pid}, ${who}`, `open for ${Math.round(ageMs / 1000)} s`, query]
      .filter(part => part !== "")
      .join(", "),
    sinceMs: Math.round(sinceMs),
  }))
}

/** Statements are told apart by their words; a quote that does not end takes the rest with it. */
function withoutValues(query: string): string {
  return query
    .replace(/--.*$/gm, "")
    .replace(/\$(\w*)\$[\s\S]*?(\$\1\$|$)/g, "?")
    .replace(/\/\*[\s\S]*?(\*\/|$)/g, "")
    .replace(/[eE]'(\\[\s\S]|''|[^'\\])*('|$)/g, "?")
    .replace(/'(''|[^'])*('|$)/g, "?")
    .replace(/\b\d[\w.]*\b/g, "?")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, SHOWN_CHARACTERS)
}
