import type { Sql } from "../../src/adapters/postgres/client.ts"
import type { LaneWriter } from "../../src/chain-writer/writer.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { runTicker } from "../../src/runtime/ticker.ts"
import { accept, type BenchChain, newRequests } from "./bench-chain.ts"

export interface Rate {
  readonly batch: number
  readonly lanes: number
  readonly operations: number
  readonly operationsPerSecond: number
  readonly transactionsPerOperation: number
  readonly rpcCallsPerOperation: number
  readonly peakRssMb: number
}

const CHUNK = 2_000
const SAMPLE_MS = 50

/** A backlog of new patients through one lane or several, from the first pass until all are confirmed. */
export async function confirmedRate(
  sql: Sql,
  chain: BenchChain,
  options: { readonly batch: number; readonly operations: number; readonly lanes?: number },
): Promise<Rate> {
  const { batch, operations, lanes = 1 } = options
  const keys = await Promise.all(Array.from({ length: lanes }, () => chain.newAccount()))
  const writers = keys.map(key => chain.newWriter(key, batch))
  for (let made = 0; made < operations; made += CHUNK) {
    await accept(chain.intake, newRequests(Math.min(CHUNK, operations - made)))
  }
  const transactionsBefore = await countTransactions(sql)
  const callsBefore = chain.rpcCalls()
  const begunAt = performance.now()
  const peakRssMb = await runUntilFinal(sql, writers)
  const seconds = (performance.now() - begunAt) / 1_000
  return {
    batch,
    lanes,
    operations,
    operationsPerSecond: round(operations / seconds),
    transactionsPerOperation: round(((await countTransactions(sql)) - transactionsBefore) / operations),
    rpcCallsPerOperation: round((chain.rpcCalls() - callsBefore) / operations),
    peakRssMb,
  }
}

/** Runs the lanes until nothing waits; the highest memory of this process meanwhile, in MB. */
async function runUntilFinal(sql: Sql, writers: readonly LaneWriter[]): Promise<number> {
  const stop = new AbortController()
  let peak = 0
  const options = { clock: systemClock, logger: silentLogger, idleMs: 20, signal: stop.signal }
  const running = writers.map(writer => runTicker(writer, options))
  while (await isUnfinished(sql)) {
    peak = Math.max(peak, process.memoryUsage.rss())
    await systemClock.sleep(SAMPLE_MS)
  }
  stop.abort()
  await Promise.all(running)
  await Promise.all(writers.map(writer => writer.release()))
  return Math.round(peak / 2 ** 20)
}

export interface Latency {
  readonly operationsPerSecond: number
  readonly operations: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** From a request's arrival in the queue until its result is in the log, by the database's clock, at a steady rate. */
export async function requestToConfirmed(
  sql: Sql,
  chain: BenchChain,
  options: { readonly perSecond: number; readonly seconds: number },
): Promise<Latency> {
  const { perSecond, seconds } = options
  const writer = chain.newWriter(await chain.newAccount(), 256)
  const stop = new AbortController()
  const ticker = { clock: systemClock, logger: silentLogger, idleMs: 20, signal: stop.signal }
  const running = runTicker(writer, ticker)
  const since = await databaseNow(sql)
  const begunAt = performance.now()
  const operations = perSecond * seconds
  for (let sent = 0; sent < operations; sent += 1) {
    const waitMs = begunAt + (sent * 1_000) / perSecond - performance.now()
    if (waitMs > 0) await systemClock.sleep(waitMs)
    await accept(chain.intake, newRequests(1))
  }
  while (await isUnfinished(sql)) await systemClock.sleep(SAMPLE_MS)
  stop.abort()
  await running
  await writer.release()
  const [row] = await sql<[{ latencies: string }]>`
    select json_agg((extract(epoch from final_at - accepted_at) * 1000)::float8)::text as latencies
    from reconciler.chain_operations where accepted_at >= ${since}`
  const sorted = (JSON.parse(row.latencies) as number[]).sort((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN)
  const [p50Ms, p95Ms, p99Ms] = [at(0.5), at(0.95), at(0.99)]
  return { operationsPerSecond: perSecond, operations, p50Ms, p95Ms, p99Ms }
}

/** By partial indexes: a look through a long history at every sample would be measured with the rest. */
async function isUnfinished(sql: Sql): Promise<boolean> {
  const rows = await sql`
    select from reconciler.chain_operations where state in ('pending', 'claimed', 'included') limit 1`
  return rows.length > 0
}

async function countTransactions(sql: Sql): Promise<number> {
  const [row] = await sql<
    { count: number }[]
  >`select count(*)::int as count from reconciler.chain_transactions`
  return row?.count ?? 0
}

async function databaseNow(sql: Sql): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`
  if (!row) throw new Error("no answer")
  return row.now
}

export function round(value: number): number {
  return Number(value.toPrecision(4))
}
