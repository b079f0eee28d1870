import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { migrate } from "../../src/adapters/postgres/migrate.ts"
import { accept, newRequests, openBenchChain } from "./bench-chain.ts"
import { fillHistory, plans } from "./history.ts"
import { confirmedRate, round } from "./rates.ts"

const ROUNDS = 5

/**
 * The same work in a database without history and in one with it, on one server, in turns: what else the machine does
 * meets both. Each round begins with a checkpoint, so that both write whole pages the first time they touch one.
 */
export async function besideHistory(where: {
  readonly nodeUrl: string
  readonly databaseUrl: string
  readonly rows: number
  readonly operations: number
}) {
  const { operations, rows } = where
  const without = await newDatabase(where.databaseUrl, "without_history")
  const withIt = await newDatabase(where.databaseUrl, "with_history")
  await fillHistory(withIt, rows)
  const side = async (sql: Sql) => ({
    sql,
    chain: await openBenchChain(where.nodeUrl, sql),
    rates: [] as number[],
    walBytes: 0,
  })
  const beside = await side(withIt)
  const alone = await side(without)
  const sides = [alone, beside]
  for (let n = 0; n < ROUNDS; n += 1) {
    for (const each of n % 2 === 0 ? sides : sides.toReversed()) {
      await each.sql`checkpoint`
      const walBefore = await walBytes(each.sql)
      const { operationsPerSecond } = await confirmedRate(each.sql, each.chain, { batch: 256, operations })
      each.rates.push(operationsPerSecond)
      each.walBytes += (await walBytes(each.sql)) - walBefore
    }
  }
  await accept(beside.chain.intake, newRequests(2_000))
  const found = await plans(withIt)
  for (const { sql, chain } of sides) {
    chain.close()
    await closeDatabase(sql)
  }
  const measured = ({ rates, walBytes: bytes }: typeof alone) => ({
    operationsPerSecond: rates,
    walBytesPerOperation: Math.round(bytes / ROUNDS / operations),
  })
  const ratio = round(median(beside.rates.map((rate, n) => rate / (alone.rates[n] ?? rate))))
  return { rows, without: measured(alone), with: measured(beside), ratio, plans: found }
}

async function newDatabase(serverUrl: string, name: string): Promise<Sql> {
  const admin = openDatabase({ url: serverUrl, max: 1, applicationName: "bench" })
  await admin.unsafe(`create database ${name}`)
  await closeDatabase(admin)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const sql = openDatabase({ url: url.href, max: 10, applicationName: "bench" })
  await migrate(sql)
  return sql
}

/** Written by the whole server: nothing else works in it meanwhile. */
async function walBytes(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes`
  return row?.bytes ?? 0
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
