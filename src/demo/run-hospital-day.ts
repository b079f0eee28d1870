import { randomBytes } from "node:crypto"
import { connectChain } from "../adapters/ethereum/provider.ts"
import { closeDatabase, openDatabase } from "../adapters/postgres/client.ts"
import type { Clock } from "../runtime/clock.ts"
import { createNeighbour } from "./app/neighbour.ts"
import { check } from "./check/check.ts"
import { expectedSubjects } from "./check/expected.ts"
import type { ContractAddresses } from "./observe/chain.ts"
import { type DayStart, type Outside, observe, readStart } from "./observe/observe.ts"
import { readRemaining } from "./observe/remaining.ts"
import type { DemoOptions } from "./options.ts"
import { makePlan, type Plan } from "./plan/plan.ts"
import { type DemoStatus, startProgress } from "./progress.ts"
import { createRecorder, type RunRecord } from "./record.ts"
import { type DemoReport, detailLines, humanReport, jsonReport } from "./report.ts"
import { type Settled, settle } from "./settle.ts"
import { runTraffic } from "./traffic.ts"

export interface HospitalDay {
  readonly databaseUrl: string
  readonly blockchainProviderUrl: string
  readonly contracts: ContractAddresses
  /** An account with the writer role on the BlockedIPRegistry, used by none of our lanes. */
  readonly neighbourPrivateKey: string
  readonly options: DemoOptions
  readonly status: DemoStatus
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
  /** For the pseudonyms; a new one a run by default. */
  readonly subjectKey?: Uint8Array
  /** How long nothing may move before the day counts as stuck. */
  readonly patienceMs?: number
}

const WRITERS = 6

/**
 * Sends a day's traffic through the running pipeline, waits until all of it has ended, and checks by itself what came
 * out. The app's tables, the migrated log and the contracts must be there. Writes the report: one JSON object, or a
 * table for a person; progress and what is wrong go to stderr. Rejects when the signal aborts.
 * Throws an OperatorError if `operations` is too small to try every kind of traffic (64), or no node answers (69).
 */
export async function runHospitalDay(day: HospitalDay): Promise<{ holds: boolean; report: DemoReport }> {
  const { operations, seed } = day.options
  const plan = makePlan({ seed, operations, writers: WRITERS })
  const chain = await connectChain({ url: day.blockchainProviderUrl, requestTimeoutMs: 10_000 })
  // One for the checks beside the writers' own connections.
  const sql = openDatabase({ url: day.databaseUrl, max: WRITERS + 1, applicationName: "reconciler-demo" })
  try {
    return await liveThrough(day, plan, { sql, provider: chain.provider })
  } finally {
    chain.close()
    await closeDatabase(sql)
  }
}

async function liveThrough(day: HospitalDay, plan: Plan, clients: Pick<Outside, "sql" | "provider">) {
  const { clock, options, contracts } = day
  const neighbour = createNeighbour({
    provider: clients.provider,
    privateKey: day.neighbourPrivateKey,
    registry: contracts["ip-block"],
    clock,
  })
  const outside = { ...clients, contracts, neighbour: neighbour.address }
  day.stderr.write(`a day with ${options.operations} operations, seed ${options.seed}\n`)
  const start = await readStart(outside)
  const startedAtMs = clock.nowMs()
  const recorder = createRecorder()
  const steps = plan.writers.reduce((sum, writer) => sum + writer.length, 0)
  let done = 0
  const progress = startProgress({ stages: shownStages(day.status, () => ({ done, steps })), ...day })
  let settled: Settled
  try {
    await runTraffic({
      ...day,
      sql: clients.sql,
      plan,
      recorder,
      neighbour,
      subjectKey: day.subjectKey ?? randomBytes(32),
      blockTtlSeconds: options.blockTtlSeconds,
      onStep: () => {
        done += 1
      },
    })
    settled = await waitForEnd(day, outside, start, recorder.record())
  } finally {
    await progress.stop()
  }
  const durationMs = clock.nowMs() - startedAtMs
  const result = check(recorder.record(), await observe(outside, start, recorder.record()))
  return answer(day, result, settled, durationMs)
}

function waitForEnd(day: HospitalDay, outside: Outside, start: DayStart, record: RunRecord) {
  const expected = expectedSubjects(record)
  return settle({
    ...day,
    readRemaining: () => readRemaining(outside, start, record, expected),
    lastExpiryMs: day.clock.nowMs() + (day.options.blockTtlSeconds + 1) * 1000,
  })
}

function shownStages(status: DemoStatus, appended: () => { done: number; steps: number }) {
  const append = async () => {
    const { done, steps } = appended()
    return { done, waiting: steps - done, oldestAgeMs: null }
  }
  return [
    { name: "append", read: append },
    { name: "relay", read: () => status.relay() },
    { name: "chain-writer", read: () => status.chainWriter() },
    { name: "projector/TTL", read: () => status.projector() },
    { name: "write-back", read: () => status.writeBack() },
  ]
}

function answer(day: HospitalDay, result: ReturnType<typeof check>, settled: Settled, durationMs: number) {
  const report: DemoReport = { ...result.findings, durationMs, seed: day.options.seed }
  const holds = result.holds && settled.settled
  day.stderr.write(detailLines(result, settled.settled ? [] : settled.stuck))
  day.stdout.write(day.options.json ? jsonReport(report) : humanReport(report, holds))
  return { holds, report }
}
