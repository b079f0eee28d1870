import { deadLetterFindings } from "../../ops/dead-letter-findings.ts"
import { type LogLimits, logFindings } from "../../ops/log-status.ts"
import { rebuildFindings } from "../../ops/rebuild-finding.ts"
import type { StatusSources } from "../../ops/status.ts"
import { createBusFindings } from "./bus/findings.ts"
import { readLaneFindings, readRebuildBegunMs } from "./chain-writer/status.ts"
import type { Sql } from "./client.ts"
import { createDeadLetters } from "./dead-letters/dead-letters.ts"
import { readLogStatus } from "./log-archive/status.ts"
import { blockerFindings, readBlockers } from "./relay/blockers.ts"
import { readRelayLeader } from "./relay/leader.ts"
import { createPostgresRelayStatus } from "./relay/status.ts"
import { countChainWriter, countEvents, countProjector, countWriteBack } from "./stage-counts.ts"

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
    chainWriter: () => countChainWriter(sql),
    projector: () => countProjector(sql),
    writeBack: () => countWriteBack(sql),
    deadLetters: () => createDeadLetters(sql).count(),
    log: () => readLogStatus(sql, limits.logRetentionDays),
    async findings() {
      const [lanes, blockers, log, letters, bus, rebuildBegunMs] = await Promise.all([
        readLaneFindings(sql),
        readBlockers(sql),
        readLogStatus(sql, limits.logRetentionDays),
        createDeadLetters(sql).summary(),
        createBusFindings(sql).list(),
        readRebuildBegunMs(sql),
      ])
      const ofLanes = lanes.map(({ lane, type, finding, sinceMs }) => ({
        finding,
        about: type === null ? `lane ${lane}` : `lane ${lane}, ${type}`,
        sinceMs,
      }))
      return [
        ...rebuildFindings(rebuildBegunMs),
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
