import type { Position } from "../../../domain/position.ts"
import type { SortedStrays } from "../../../outbox/ports.ts"
import type { Clock } from "../../../runtime/clock.ts"
import type { Sql } from "../client.ts"
import { readHighestPosition, readLockHolders } from "../relay/statements.ts"
import { withSqlState } from "../sql-state.ts"
import { createStaging, type Staging } from "./stage-strays.ts"
import { swapDefaultPartition } from "./swap-default-partition.ts"

const SORTER_LOCK = 1380137287
const LOCK_NOT_AVAILABLE = "55P03"
const SWAP_TRIES = 20
const BETWEEN_TRIES_MS = 250
/** So few can be copied while the log is held; more come between two copies only on a very busy log. */
const FEW_ROWS = 500
const COPIES = 20
const HOLDERS_TRIES = 100

/**
 * Gives the default partition's rows to their days' partitions, however many they are. They are copied into tables
 * that are not of the log yet while writers go on; then, in one short transaction, the default partition is exchanged
 * for an empty one, the last few rows are copied, and the tables become partitions. A reader sees each row once, before
 * and after. May be killed anywhere and done again.
 */
export async function sortStrays(sql: Sql, clock: Clock, signal: AbortSignal): Promise<SortedStrays> {
  if (!(await hasWork(sql))) return { outcome: "sorted", moved: 0, days: 0 }
  // Open for as long as it takes, with a lock and nothing else: it keeps nobody from cleaning up.
  return sql.begin(async tx => {
    const [lock] = await tx<[{ held: boolean }]>`select pg_try_advisory_xact_lock(${SORTER_LOCK}, 0) as held`
    if (!lock.held) return { outcome: "busy" }
    await dropSorted(sql)
    return sort(sql, clock, signal)
  })
}

async function sort(sql: Sql, clock: Clock, signal: AbortSignal): Promise<SortedStrays> {
  const staging = await createStaging(sql)
  try {
    const settled = await copySettled(sql, staging, clock, signal)
    if (settled === null) return { outcome: "busy" }
    // All that is left belongs to days that were archived.
    if (staging.days().length === 0) return { outcome: "sorted", moved: 0, days: 0 }
    for (let tries = 0; tries < SWAP_TRIES && !signal.aborted; tries += 1) {
      const outcome = await orBusy(() => swapDefaultPartition(sql, staging, settled, FEW_ROWS))
      if (outcome === "swapped") {
        const moved = staging.copied()
        await dropSorted(sql)
        return { outcome: "sorted", moved, days: staging.days().length }
      }
      if (outcome === "changed") break
      await clock.sleep(BETWEEN_TRIES_MS, signal)
    }
    return { outcome: "busy" }
  } finally {
    await staging.drop()
  }
}

/**
 * Copies until hardly anything comes any more; the position up to which all is copied, also what committed late.
 * Null: not now.
 */
async function copySettled(
  sql: Sql,
  staging: Staging,
  clock: Clock,
  signal: AbortSignal,
): Promise<Position | null> {
  let after: Position = -1n
  for (let copies = 0; copies < COPIES && !signal.aborted; copies += 1) {
    const upTo = await settledPosition(sql, clock, signal)
    if (upTo === null) return null
    const copied = await staging.copy(after, signal)
    after = upTo
    if (copied < FEW_ROWS) return after
  }
  return null
}

/** Nothing uncommitted is left at or below it: the highest position handed out, once those that may have had one ended. */
async function settledPosition(sql: Sql, clock: Clock, signal: AbortSignal): Promise<Position | null> {
  const { highest, serverStart } = await readHighestPosition(sql)
  const before = await readLockHolders(sql)
  for (let tries = 0; tries < HOLDERS_TRIES && !signal.aborted; tries += 1) {
    const { holders, serverStart: now } = await readLockHolders(sql)
    // A prepared transaction has another id after a crash: what was learned of the ones before means nothing.
    if (now !== serverStart) return null
    if (![...before.holders].some(holder => holders.has(holder))) return highest
    await clock.sleep(BETWEEN_TRIES_MS / 5, signal)
  }
  return null
}

async function hasWork(sql: Sql): Promise<boolean> {
  const [row] = await sql<[{ some: boolean }]>`
    select exists (select from reconciler.outbox_default) or to_regclass('reconciler.outbox_sorted') is not null
      as some`
  return row.some
}

/** The former default partition, once each of its rows is seen in the log; it stays for a person otherwise. */
async function dropSorted(sql: Sql): Promise<void> {
  const [found] = await sql`select where to_regclass('reconciler.outbox_sorted') is not null`
  if (!found) return
  const [missing] = await sql<{ seq: bigint }[]>`
    select s.seq from reconciler.outbox_sorted s
    where not exists (select from reconciler.outbox o where o.seq = s.seq and o.event_id = s.event_id) limit 1`
  if (missing) throw new Error(`reconciler.outbox_sorted has an event that the log has not: ${missing.seq}`)
  await sql`drop table reconciler.outbox_sorted`
}

async function orBusy<T>(work: () => Promise<T>): Promise<T | "busy"> {
  try {
    return await work()
  } catch (error) {
    if (withSqlState(error, LOCK_NOT_AVAILABLE)) return "busy"
    throw error
  }
}
