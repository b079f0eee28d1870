import { UnavailableError } from "../runtime/errors.ts"
import type { Finding } from "./finding.ts"
import { type LogStatus, logLines } from "./log-status.ts"

/** How one stage stands. */
export interface StageCounts {
  readonly done: number
  readonly waiting: number
  /** Of what waits, the oldest, by the database's clock; null when nothing does. */
  readonly oldestAgeMs: number | null
}

/** Who publishes, and what holds publishing back now. */
export interface RelayLeader {
  /** Someone holds the lease. */
  readonly active: boolean
  readonly epoch: bigint
  /** Open transactions that wrote to the log, and the age of the oldest; null when there is none. */
  readonly horizon: { readonly holders: number; readonly oldestAgeMs: number | null }
}

/** Messages of one topic that a consumer group has not handled yet. */
export interface GroupLag {
  readonly group: string
  readonly topic: string
  readonly messages: number
}

/** Port: where the answers come from. Each may be asked once a second. */
export interface StatusSources {
  relay(): Promise<StageCounts>
  relayLeader(): Promise<RelayLeader>
  chainWriter(): Promise<StageCounts>
  projector(): Promise<StageCounts>
  writeBack(): Promise<StageCounts>
  log(): Promise<LogStatus>
  deadLetters(): Promise<number>
  findings(): Promise<readonly Finding[]>
  consumerLag(): Promise<readonly GroupLag[]>
}

export interface SystemStatus {
  readonly stages: Readonly<Record<"relay" | "chain-writer" | "projector" | "write-back", StageCounts>>
  /** Messages not handled yet, by consumer group; null when Kafka does not answer. */
  readonly consumerLag: Readonly<Record<string, number>> | null
  readonly log: LogStatus
  readonly deadLetters: number
  readonly findings: readonly Finding[]
}

export async function readStatus(sources: Omit<StatusSources, "relayLeader">): Promise<SystemStatus> {
  const [relay, chainWriter, projector, writeBack, lags, log, deadLetters, findings] = await Promise.all([
    sources.relay(),
    sources.chainWriter(),
    sources.projector(),
    sources.writeBack(),
    sources.consumerLag().catch(whenAway),
    sources.log(),
    sources.deadLetters(),
    sources.findings(),
  ])
  return {
    stages: { relay, "chain-writer": chainWriter, projector, "write-back": writeBack },
    consumerLag: lags && byGroup(lags),
    log,
    deadLetters,
    // A relay that publishes at the time has told it itself, with its beginning.
    findings: lags || findings.some(isAway) ? findings : [...findings, { ...AWAY, sinceMs: log.nowMs }],
  }
}

const AWAY = { finding: "kafka-unreachable", about: "status" }

const isAway = ({ finding }: Finding) => finding === AWAY.finding

/** Without Kafka the database's answers are wanted all the more. */
function whenAway(error: unknown): null {
  if (error instanceof UnavailableError) return null
  throw error
}

function byGroup(lags: readonly GroupLag[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { group, messages } of lags) sums[group] = (sums[group] ?? 0) + messages
  return sums
}

/** A table for a person; ages in seconds. */
export function statusTable(status: SystemStatus): string {
  const rows = Object.entries(status.stages).map(([stage, { done, waiting, oldestAgeMs }]) =>
    [stage.padEnd(14), String(done).padStart(10), String(waiting).padStart(10), ageText(oldestAgeMs)].join(
      " ",
    ),
  )
  const lag = status.consumerLag
    ? Object.entries(status.consumerLag).map(
        ([group, messages]) => `${group.padEnd(30)} ${messages} messages`,
      )
    : ["unknown: Kafka does not answer"]
  const findings = status.findings.map(({ finding, about }) => `${finding} (${about})`)
  return [
    `${"stage".padEnd(14)} ${"done".padStart(10)} ${"waiting".padStart(10)} ${"oldest".padStart(10)}`,
    ...rows,
    "",
    "consumer lag",
    ...lag,
    "",
    ...logLines(status.log),
    `dead letters: ${status.deadLetters}`,
    `findings: ${findings.length === 0 ? "none" : findings.join(", ")}`,
    "",
  ].join("\n")
}

function ageText(ageMs: number | null): string {
  return (ageMs === null ? "-" : `${(ageMs / 1000).toFixed(1)} s`).padStart(10)
}
