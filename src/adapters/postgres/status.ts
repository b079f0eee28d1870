import { deadLetterFindings } from "../../ops/dead-letter-findings.ts"
import { type LogLimits, logFindings } from "../../ops/log-status.ts"
import type { StatusSources } from "../../ops/status.ts"
import { createBusFindings } from "./bus/findings.ts"
import { readChainWriterStatus } from "./chain-writer/status.ts"
import type { Sql } from "./client.ts"
import { createDeadLetters } from "./dead-letters/dead-letters.ts"
import { readLogStatus } from "./log-archive/status.ts"
import { readReadModelStatus } from "./projector/status.ts"
import { blockerFindings, readBlockers } from "./relay/blockers.ts"
import { readRelayLeader } from "./relay/leader.ts"
import { createPostgresRelayStatus } from "./relay/status.ts"

/** The answers that Postgres has. */
export function createStatusSources(
  sql: Sql,
  limits: LogLimits & { readonly logRetentionDays: number | null } = KEEP_FOR_EVER,
): Omit<StatusSources, "consumerLag"> {
  const relayStatus = createPostgresRelayStatus(sql)
  return {
    async relay() {
      const [{ waiting, oldestAgeMs }, events] = await Promise.all([relayStatus.waiting(), countEvents(sql)])
      return { done: Math.max(0, events - waiting), waiting, oldestAgeMs }
    },
    relayLeader: () => readRelayLeader(sql),
    async chainWriter() {
      const { pending, claimed, included, final, oldestPendingAgeMs } = await readChainWriterStatus(sql)
      return { done: final, waiting: pending + claimed + included, oldestAgeMs: oldestPendingAgeMs }
    },
    async projector() {
      const { counts, oldestUnresultedMs, timers } = await readReadModelStatus(sql)
      const { requested, ...resulted } = counts
      const done = Object.values(resulted).reduce((sum, count) => sum + count, 0)
      return { done, waiting: requested + timers.due + timers.running, oldestAgeMs: oldestUnresultedMs }
    },
    async writeBack() {
      const [{ counts, awaitingRemoval }, open] = await Promise.all([
        readReadModelStatus(sql),
        readOpenWork(sql),
      ])
      return { done: counts.removed, waiting: awaitingRemoval + open.waiting, oldestAgeMs: open.oldestAgeMs }
    },
    deadLetters: () => createDeadLetters(sql).count(),
    log: () => readLogStatus(sql, limits.logRetentionDays),
    async findings() {
      const [{ findings }, blockers, log, letters, bus] = await Promise.all([
        readChainWriterStatus(sql),
        readBlockers(sql),
        readLogStatus(sql, limits.logRetentionDays),
        createDeadLetters(sql).summary(),
        createBusFindings(sql).list(),
      ])
      const ofLanes = findings.map(({ lane, type, finding, sinceMs }) => ({
        finding,
        about: type === null ? `lane ${lane}` : `lane ${lane}, ${type}`,
        sinceMs,
      }))
      return [
        ...ofLanes,
        ...bus,
        ...blockerFindings(blockers),
        ...logFindings(log, limits),
        ...deadLetterFindings(letters),
      ]
    },
  }
}

const KEEP_FOR_EVER = {
  logRetentionDays: null,
  logAlertBytes: Number.POSITIVE_INFINITY,
  unpublishedAlertMs: 60_000,
}

async function countEvents(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select (
      (select count(*) from reconciler.outbox)
      + (select coalesce(sum(rows), 0) from reconciler.archives where dropped_at is not null))::float8 as count`
  return row?.count ?? 0
}

async function readOpenWork(sql: Sql): Promise<{ waiting: number; oldestAgeMs: number | null }> {
  const [row] = await sql<{ waiting: number; oldestAgeMs: number | null }[]>`
    select count(*)::int as waiting,
      (extract(epoch from clock_timestamp() - min(due_at)) * 1000)::float8 as "oldestAgeMs"
    from reconciler.write_backs where done_at is null and due_at <= clock_timestamp()`
  return row ?? { waiting: 0, oldestAgeMs: null }
}
