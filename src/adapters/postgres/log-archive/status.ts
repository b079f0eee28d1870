import { positionTimeMs } from "../../../domain/position.ts"
import type { LogStatus } from "../../../ops/log-status.ts"
import { oldEnough } from "../../../outbox/log-archiver.ts"
import type { Sql } from "../client.ts"
import { createPostgresRelayStatus } from "../relay/status.ts"
import { createArchivableLog } from "./archivable-log.ts"

const DAY_MS = 86_400_000
const MAX_COUNTED = 100_000

/** `retentionDays` null: nothing is ever overdue. Reads catalogues and the unpublished end of the log only. */
export async function readLogStatus(sql: Sql, retentionDays: number | null): Promise<LogStatus> {
  const log = createArchivableLog(sql)
  const [partitions, facts, { oldestAgeMs }] = await Promise.all([
    log.partitions(),
    readFacts(sql),
    createPostgresRelayStatus(sql).waiting(),
  ])
  const { nowMs } = facts
  const days = partitions.filter(({ attached }) => attached)
  // Of days that wait their turn behind the oldest, the reason is the oldest.
  const overdue = retentionDays === null ? [] : oldEnough(partitions, retentionDays, nowMs)
  const [oldest] = overdue
  const by = oldest?.attached ? await log.holders(oldest) : []
  return {
    nowMs,
    partitions: days.length,
    bytes: facts.bytes,
    largestDayBytes: Math.max(0, ...days.map(({ bytes }) => bytes)),
    daysAhead: daysAhead(new Set(days.map(({ from }) => positionTimeMs(from))), nowMs),
    defaultRows: facts.defaultRows,
    oldestDefaultMs: facts.oldestDefaultMs,
    oldestUnpublishedAgeMs: oldestAgeMs,
    archives: { files: facts.files, bytes: facts.fileBytes },
    overdue: overdue.map(({ name, to }) => ({
      partition: name,
      sinceMs: positionTimeMs(to) + (retentionDays ?? 0) * DAY_MS,
      by: name === oldest?.name ? by : [],
    })),
  }
}

function daysAhead(starts: ReadonlySet<number>, nowMs: number): number {
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS
  let ahead = -1
  while (starts.has(todayMs + (ahead + 1) * DAY_MS)) ahead += 1
  return ahead
}

interface Facts {
  readonly nowMs: number
  readonly bytes: number
  readonly defaultRows: number
  readonly oldestDefaultMs: number | null
  readonly files: number
  readonly fileBytes: number
}

async function readFacts(sql: Sql): Promise<Facts> {
  const [row] = await sql<[Facts]>`
    select reconciler.clock_ms()::float8 as "nowMs",
      (select sum(pg_total_relation_size(relid))::float8 from pg_partition_tree('reconciler.outbox')) as bytes,
      (select count(*)::int from (select from reconciler.outbox_default limit ${MAX_COUNTED}) s) as "defaultRows",
      (select trunc(extract(epoch from min(s.occurred_at)) * 1000)::float8
        from (select occurred_at from reconciler.outbox_default order by seq limit 1) s) as "oldestDefaultMs",
      (select count(*)::int from reconciler.archives) as files,
      (select coalesce(sum(bytes), 0)::float8 from reconciler.archives) as "fileBytes"`
  return row
}
