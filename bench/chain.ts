/**
 * Operations per second confirmed, with automatic mining and with blocks by the clock, at several batch sizes; from
 * request to confirmation at a steady rate; transactions and requests to the node an operation; memory; and the plainest
 * alternative in the same run. Prints one JSON object; exits with 1 if a target is missed.
 *
 *   npm run bench:chain -- --help
 */
import { parseArgs } from "node:util"
import { closeDatabase, openDatabase, type Sql } from "../src/adapters/postgres/client.ts"
import { migrate } from "../src/adapters/postgres/migrate.ts"
import { startEmbedded } from "../src/embedded/index.ts"
import { openBenchChain } from "./chain/bench-chain.ts"
import { besideHistory } from "./chain/beside-history.ts"
import { plainRate } from "./chain/plain.ts"
import { confirmedRate, type Latency, type Rate, requestToConfirmed, round } from "./chain/rates.ts"

const HELP = `npm run bench:chain -- [options]
  --operations 10000       of a batch size's run with automatic mining; a tenth of it at batch 1
  --block-operations 20000 of a batch size's run with blocks by the clock; a hundredth of it at batch 1
  --plain 200              operations of the plain alternative with automatic mining; 10 with blocks by the clock
  --block-ms 1000          between blocks
  --seconds 20             of the steady 50 operations a second
  --memory 20000           operations of the second, longer run that memory is compared over
  --history 1000000        final rows that the last run is beside, in turns with a database without them`

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "10000" },
    "block-operations": { type: "string", default: "20000" },
    plain: { type: "string", default: "200" },
    "block-ms": { type: "string", default: "1000" },
    seconds: { type: "string", default: "20" },
    memory: { type: "string", default: "20000" },
    history: { type: "string", default: "1000000" },
    help: { type: "boolean", default: false },
  },
})

const BATCHES = [1, 64, 256] as const
const PER_SECOND = 50
const blockMs = Number(values["block-ms"])

if (values.help) process.stderr.write(`${HELP}\n`)
else {
  const automine = await withServers(undefined, automatic)
  const byClock = await withServers(blockMs, clocked)
  const targets = judge(automine, byClock)
  process.stdout.write(`${JSON.stringify({ automine, byClock, targets }, null, 2)}\n`)
  process.exitCode = targets.every(({ met }) => met) ? 0 : 1
}

async function withServers<T>(
  interval: number | undefined,
  use: (sql: Sql, nodeUrl: string, databaseUrl: string) => Promise<T>,
): Promise<T> {
  const servers = await startEmbedded({
    services: new Set(["postgres", "chain"]),
    ...(interval !== undefined && { chainBlockIntervalMs: interval }),
  })
  const { databaseUrl = "", blockchainProviderUrl = "" } = servers
  const sql = openDatabase({ url: databaseUrl, max: 10, applicationName: "bench" })
  try {
    await migrate(sql)
    return await use(sql, blockchainProviderUrl, databaseUrl)
  } finally {
    await closeDatabase(sql)
    await servers.stop()
  }
}

async function rates(sql: Sql, url: string, count: number, atBatch1: number): Promise<readonly Rate[]> {
  const measured: Rate[] = []
  for (const batch of BATCHES) {
    const chain = await openBenchChain(url, sql)
    const operations = batch === 1 ? atBatch1 : count
    measured.push(await confirmedRate(sql, chain, { batch, operations }))
    chain.close()
    note(`batch ${batch}: ${measured.at(-1)?.operationsPerSecond} operations/s`)
  }
  return measured
}

async function automatic(sql: Sql, url: string, databaseUrl: string) {
  const count = Number(values.operations)
  const batches = await rates(sql, url, count, Math.ceil(count / 10))
  const chain = await openBenchChain(url, sql)
  const plain = await plainRate(chain, "ethers", Number(values.plain))
  const plainOverOurs = await plainRate(chain, "ours", Number(values.plain))
  note(`plain: ${plain.operationsPerSecond} operations/s; ${plainOverOurs.operationsPerSecond} over ours`)
  const short = await confirmedRate(sql, chain, {
    batch: 256,
    operations: Math.ceil(Number(values.memory) / 10),
  })
  const long = await confirmedRate(sql, chain, { batch: 256, operations: Number(values.memory) })
  const twoLanes = await confirmedRate(sql, chain, { batch: 256, operations: count, lanes: 2 })
  note(`two lanes of 256: ${twoLanes.operationsPerSecond} operations/s`)
  chain.close()
  const rows = Number(values.history)
  const history = await besideHistory({ nodeUrl: url, databaseUrl, rows, operations: count })
  note(`with ${rows} rows of history: ${history.ratio} of the rate without`)
  return { batches, twoLanes, plain, plainOverOurs, memory: { short, long }, history }
}

async function clocked(sql: Sql, url: string) {
  const count = Number(values["block-operations"])
  const batches = await rates(sql, url, count, Math.ceil(count / 100))
  const chain = await openBenchChain(url, sql)
  const plain = await plainRate(chain, "ethers", 10)
  const latency = await requestToConfirmed(sql, chain, {
    perSecond: PER_SECOND,
    seconds: Number(values.seconds),
  })
  chain.close()
  return { blockMs, batches, plain, latency }
}

interface Measured {
  readonly batches: readonly Rate[]
  readonly plain: { readonly operationsPerSecond: number }
}

function judge(
  automine: Measured & Awaited<ReturnType<typeof automatic>>,
  byClock: Measured & { readonly latency: Latency },
) {
  const { short, long } = automine.memory
  return [
    atLeast("times the plain rate at 256, automatic mining", timesPlain(automine), 50),
    atLeast(
      "times the plain rate at 256, automatic mining, two lanes",
      round(automine.twoLanes.operationsPerSecond / automine.plain.operationsPerSecond),
      50,
    ),
    atLeast(`times the plain rate at 256, blocks of ${blockMs} ms`, timesPlain(byClock), 50),
    atMost("request to confirmed p95, ms", byClock.latency.p95Ms, blockMs + 500),
    atMost("memory of ten times the operations", round(long.peakRssMb / short.peakRssMb), 1.1),
    atLeast("rate beside the history, of the rate without", automine.history.ratio, 0.9),
  ]
}

function timesPlain({ batches, plain }: Measured): number {
  return round((batches.at(-1)?.operationsPerSecond ?? 0) / plain.operationsPerSecond)
}

function atLeast(target: string, measured: number, limit: number) {
  return { target, measured, atLeast: limit, met: measured >= limit }
}

function atMost(target: string, measured: number, limit: number) {
  return { target, measured, atMost: limit, met: measured <= limit }
}

function note(line: string): void {
  process.stderr.write(`${line}\n`)
}
