import type { Sql } from "../../src/adapters/postgres/client.ts"
import { TYPE } from "./log.ts"
import { loadAverage, usageOf } from "./process-usage.ts"
import { round } from "./statistics.ts"

/** Microseconds a row of each way to write, in one transaction that is rolled back: without the commit. */
export async function appendCosts(sql: Sql, rows = 3_000): Promise<Readonly<Record<string, number>>> {
  const connection = await sql.reserve()
  await connection`create temporary table plain (
    id bigint generated always as identity primary key, event_id uuid default gen_random_uuid(), type text,
    subject bytea, payload jsonb, occurred_at timestamptz default clock_timestamp())`
  const subject = "sha256(n::text::bytea)"
  const payload = `'{"manual": false, "expiresAt": 1900000000}'::jsonb`
  const statements = {
    plainInsert: `insert into plain (type, subject, payload)
      select '${TYPE}', ${subject}, ${payload} from generate_series(1, ${rows}) n`,
    outboxInsert: `insert into reconciler.outbox (type, subject, payload)
      select '${TYPE}', ${subject}, ${payload} from generate_series(1, ${rows}) n`,
    append: `select count(reconciler.append('${TYPE}', ${subject}, ${payload})) from generate_series(1, ${rows}) n`,
  }
  const costs: Record<string, number> = {}
  for (const [name, statement] of Object.entries(statements)) {
    await connection.unsafe("begin")
    await connection.unsafe(statement)
    const startedMs = performance.now()
    await connection.unsafe(statement)
    costs[name] = round(((performance.now() - startedMs) * 1000) / rows)
    await connection.unsafe("rollback")
  }
  connection.release()
  return costs
}

/** What the process costs while nothing happens. Statements are counted as transactions of its database. */
export async function idleCost(
  sql: Sql,
  pid: number,
  seconds: number,
): Promise<{ readonly cpuPercent: number; readonly queriesASecond: number; readonly load: number }> {
  const transactions = async () => {
    const [row] = await sql<{ count: number }[]>`
      select (xact_commit + xact_rollback)::float8 as count from pg_stat_database where datname = current_database()`
    return row?.count ?? 0
  }
  // An idle session tells its counts up to ten seconds late.
  await new Promise(resolve => setTimeout(resolve, 11_000))
  const [before, cpuBefore] = [await transactions(), usageOf(pid).cpuSeconds]
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  const [after, cpuAfter] = [await transactions(), usageOf(pid).cpuSeconds]
  return {
    cpuPercent: round(((cpuAfter - cpuBefore) / seconds) * 100),
    queriesASecond: round((after - before - 1) / seconds),
    load: loadAverage(),
  }
}
