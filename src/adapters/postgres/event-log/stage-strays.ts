import { lowestPositionAt, type Position, positionTimeMs } from "../../../domain/position.ts"
import type { Sql } from "../client.ts"

const DAY_MS = 86_400_000
const ROWS_A_COPY = 10_000

/** A day that gets a partition of its own: its table while that is filled, and its name as a partition. */
export interface StagedDay {
  readonly table: string
  readonly partition: string
  readonly from: Position
  readonly to: Position
}

/** Tables beside the log, filled from its default partition. */
export interface Staging {
  /** Where rows go whose day can have no partition: the default partition to come. */
  readonly rest: string
  days(): readonly StagedDay[]
  copied(): number
  /** Copies what is above `after` and was not copied yet, in short statements; how many rows. */
  copy(after: Position, signal: AbortSignal): Promise<number>
  /** What has not become a part of the log. */
  drop(): Promise<void>
}

const REST = "reconciler.outbox_next_default"

export async function createStaging(sql: Sql): Promise<Staging> {
  await dropLeftovers(sql)
  await createLike(sql, REST)
  const days = new Map<number, StagedDay | null>()
  let copied = 0

  /** Null: the day has a partition or an archive already, which must not get a second one. */
  async function dayOf(position: Position): Promise<StagedDay | null> {
    const startMs = Math.floor(positionTimeMs(position) / DAY_MS) * DAY_MS
    const known = days.get(startMs)
    if (known !== undefined) return known
    const made = await stageDay(sql, startMs)
    days.set(startMs, made)
    return made
  }

  return {
    rest: REST,
    days: () => [...days.values()].filter(day => day !== null),
    copied: () => copied,
    async copy(after, signal) {
      let at = after
      let rows = 0
      for (let next = await nextStray(sql, at); next !== null; next = await nextStray(sql, at)) {
        signal.throwIfAborted()
        const day = await dayOf(next)
        const chunk = await copyChunk(sql, day?.table ?? REST, at, endOfDay(next))
        at = chunk.last
        rows += chunk.copied
        if (day) copied += chunk.copied
      }
      return rows
    },
    drop: () => dropLeftovers(sql),
  }
}

async function stageDay(sql: Sql, startMs: number): Promise<StagedDay | null> {
  const date = new Date(startMs).toISOString().slice(0, 10).replaceAll("-", "")
  const partition = `outbox_${date}`
  const [taken] = await sql`
    select where to_regclass(${`reconciler.${partition}`}) is not null
      or exists (select from reconciler.archives where partition = ${partition})`
  if (taken) return null
  const [from, to] = [lowestPositionAt(startMs), lowestPositionAt(startMs + DAY_MS)]
  const table = `reconciler.outbox_sorting_${date}`
  // The constraint spares the attach a scan.
  await createLike(sql, table, `, constraint in_range check (seq >= ${from} and seq < ${to})`)
  return { table, partition, from, to }
}

async function createLike(sql: Sql, table: string, constraint = ""): Promise<void> {
  await sql.unsafe(
    `create table ${table} (like reconciler.outbox including defaults including constraints, primary key (seq)${constraint})`,
  )
}

async function nextStray(sql: Sql, after: Position): Promise<Position | null> {
  const [row] = await sql<{ seq: bigint }[]>`
    select seq from reconciler.outbox_default where seq > ${after} order by seq limit 1`
  return row?.seq ?? null
}

const endOfDay = (position: Position): Position =>
  lowestPositionAt((Math.floor(positionTimeMs(position) / DAY_MS) + 1) * DAY_MS)

async function copyChunk(
  sql: Sql,
  table: string,
  after: Position,
  below: Position,
): Promise<{ copied: number; last: Position }> {
  const [row] = await sql<[{ copied: number; last: bigint }]>`
    with chunk as materialized (
      select * from reconciler.outbox_default where seq > ${after} and seq < ${below} order by seq limit ${ROWS_A_COPY}),
    copied as (insert into ${sql(table)} select * from chunk on conflict do nothing returning 1)
    select (select count(*)::int from copied) as copied, (select max(seq) from chunk) as last`
  return row
}

/** Also of a process that was killed. What is of the log by now has another name. */
async function dropLeftovers(sql: Sql): Promise<void> {
  const rows = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class c
    where c.relnamespace = 'reconciler'::regnamespace and c.relkind = 'r' and not c.relispartition
      and (c.relname ~ '^outbox_sorting_[0-9]{8}$' or c.relname = 'outbox_next_default')`
  for (const { name } of rows) await sql.unsafe(`drop table ${name}`)
}
