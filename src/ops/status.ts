import type { Finding } from "./finding.ts"
import { type LogStatus, logLines } from "./log-status.ts"

/** How one stage stands. */
export interface StageCounts {
  readonly done: number
  readonly waiting: number
  /** Of what waits, the oldest, by the database's clock; null when nothing does. */
  readonly oldestAgeMs: number | null
}

/** Port: where the answers come from. Each may be asked once a second. */
export interface StatusSources {
  relay(): Promise<StageCounts>
  chainWriter(): Promise<StageCounts>
  projector(): Promise<StageCounts>
  writeBack(): Promise<StageCounts>
  log(): Promise<LogStatus>
  deadLetters(): Promise<number>
  findings(): Promise<readonly Finding[]>
  /** Messages not handled yet, by consumer group. */
  consumerLag(): Promise<Readonly<Record<string, number>>>
}

export interface SystemStatus {
  readonly stages: Readonly<Record<"relay" | "chain-writer" | "projector" | "write-back", StageCounts>>
  readonly consumerLag: Readonly<Record<string, number>>
  readonly log: LogStatus
  readonly deadLetters: number
  readonly findings: readonly Finding[]
}

export async function readStatus(sources: StatusSources): Promise<SystemStatus> {
  const [relay, chainWriter, projector, writeBack, consumerLag, log, deadLetters, findings] =
    await Promise.all([
      sources.relay(),
      sources.chainWriter(),
      sources.projector(),
      sources.writeBack(),
      sources.consumerLag(),
      sources.log(),
      sources.deadLetters(),
      sources.findings(),
    ])
  return {
    stages: { relay, "chain-writer": chainWriter, projector, "write-back": writeBack },
    consumerLag,
    log,
    deadLetters,
    findings,
  }
}

/** A table for a person; ages in seconds. */
export function statusTable(status: SystemStatus): string {
  const rows = Object.entries(status.stages).map(([stage, { done, waiting, oldestAgeMs }]) =>
    [stage.padEnd(14), String(done).padStart(10), String(waiting).padStart(10), ageText(oldestAgeMs)].join(
      " ",
    ),
  )
  const lag = Object.entries(status.consumerLag).map(
    ([group, messages]) => `${group.padEnd(30)} ${messages} messages`,
  )
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
