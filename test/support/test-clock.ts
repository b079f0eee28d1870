import type { AnySql, Sql } from "../../src/adapters/postgres/client.ts"

export interface TestClock {
  /** Unix milliseconds. Seen at once by every session, and not undone by a rollback. */
  set(ms: number): Promise<void>
  nowMs(): number
}

/** Gives a database a clock that the test sets: a sequence, since that is outside of transactions. */
export async function installTestClock(sql: Sql, startMs: number): Promise<TestClock> {
  let nowMs = startMs
  await sql`create sequence public.test_clock as bigint`
  await sql`
    create or replace function reconciler.clock_ms() returns bigint language sql volatile
    as 'select last_value from public.test_clock'`
  const clock = {
    nowMs: () => nowMs,
    async set(ms: number) {
      nowMs = Math.trunc(ms)
      await sql`select setval('public.test_clock', ${nowMs}::bigint)`
    },
  }
  await clock.set(startMs)
  return clock
}

/** Changes the text of one of our functions in a test's database; fails if the text is not there. */
export async function rewriteFunction(sql: AnySql, name: string, from: string, to: string): Promise<void> {
  const [row] = await sql<{ text: string }[]>`
    select pg_get_functiondef(${`reconciler.${name}`}::regproc) as text`
  if (!row?.text.includes(from)) throw new Error(`reconciler.${name} has no ${from}`)
  await sql.unsafe(row.text.replace(from, to))
}
