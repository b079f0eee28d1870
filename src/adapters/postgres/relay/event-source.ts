import type { LoggedEvent } from "../../../domain/event.ts"
import type { Position } from "../../../domain/position.ts"
import type { EventSource } from "../../../relay/ports.ts"
import type { Clock } from "../../../runtime/clock.ts"
import type { Sql } from "../client.ts"
import { createLockHorizon } from "./lock-horizon.ts"
import {
  flushWal,
  readEvents,
  readHighestPosition,
  readLockHolders,
  readWalPositions,
  type WalPositions,
} from "./statements.ts"

/** The WAL writer needs 200 ms, and never writes a half-full page on its own: after this long we ask for it. */
const FLUSH_AFTER_MS = 20
/** Events that are read before it is known whether they are safe; there are more only behind a backlog. */
const MAX_READ_AHEAD = 200
/** More than these read in vain: something holds the log back, and they would be read again and again. */
const MAX_IN_VAIN = 32
const HIGHEST = 2n ** 63n - 1n

/**
 * Reads the log below the lock horizon. `sql` must be a pool of one connection, to the primary, used by nothing else.
 *
 * Highest position, then lock holders, then WAL positions, then the events: four statements in this order, each with
 * a snapshot of its own. Any other order, or two of them in one statement or one repeatable-read transaction, loses
 * events that commit in between.
 */
export function createPostgresEventSource(options: {
  readonly sql: Sql
  readonly clock: Clock
}): EventSource {
  const { sql, clock } = options
  let horizon = createLockHorizon()
  let rememberedStart: string | null = null
  let unflushedSinceMs: number | null = null
  /** Read and found empty: positions of transactions that rolled back. They stay empty. */
  let gap = { after: 0n, upTo: 0n }
  /** The last call gave something: more is likely. */
  let isBusy = false
  let isHeldBack = false

  function forget(): void {
    horizon = createLockHorizon()
    rememberedStart = null
    unflushedSinceMs = null
    gap = { after: 0n, upTo: 0n }
  }

  /** False if the server was started anew since: then all is forgotten and the pass begins anew next time. */
  function isSameServer(serverStart: string): boolean {
    if (rememberedStart !== null && rememberedStart !== serverStart) {
      forget()
      return false
    }
    rememberedStart = serverStart
    return true
  }

  async function settle(wal: WalPositions): Promise<void> {
    if (!horizon.settle(wal)) {
      unflushedSinceMs = null
      return
    }
    unflushedSinceMs ??= clock.nowMs()
    if (clock.nowMs() - unflushedSinceMs < FLUSH_AFTER_MS) return
    await flushWal(sql)
    unflushedSinceMs = null
    const flushed = await readWalPositions(sql)
    if (isSameServer(flushed.serverStart)) horizon.settle(flushed)
  }

  /** The driver cannot have statements under way together that it does not name: with a pooler one waits for the other. */
  function then<T>(earlier: Promise<unknown>, ask: () => Promise<T>): Promise<T> {
    return sql.options.prepare ? ask() : earlier.then(ask)
  }

  function askToLook() {
    const sample = readHighestPosition(sql)
    const locks = then(sample, () => readLockHolders(sql))
    return Promise.all([sample, locks, then(locks, () => readWalPositions(sql))])
  }

  /**
   * All statements of a look in one round trip; the server runs them one after the other, each in a transaction of its
   * own. The events are read before it is known how many are safe: what is not is dropped.
   */
  async function lookAndRead(after: Position, limit: number): Promise<readonly LoggedEvent[]> {
    const from = after === gap.after ? gap.upTo : after
    const asked = askToLook()
    const [[sample, locks, wal], events] = await Promise.all([
      asked,
      then(asked, () => readEvents(sql, from, HIGHEST, Math.min(limit, MAX_READ_AHEAD))),
    ])
    if (![sample, locks, wal].every(({ serverStart }) => isSameServer(serverStart))) return []
    horizon.observe(sample.highest, locks.holders)
    await settle(wal)
    const upTo = horizon.safe()
    const safe = events.filter(({ position }) => position <= upTo)
    if (safe.length === 0 && from < upTo) gap = { after, upTo }
    isHeldBack = safe.length === 0 && events.length > MAX_IN_VAIN
    return safe
  }

  async function look(): Promise<void> {
    const [sample, locks, wal] = await askToLook()
    if (![sample, locks, wal].every(({ serverStart }) => isSameServer(serverStart))) return
    horizon.observe(sample.highest, locks.holders)
    await settle(wal)
  }

  async function isNews(): Promise<boolean> {
    const sample = await readHighestPosition(sql)
    return isSameServer(sample.serverStart) && !horizon.isSettled(sample.highest)
  }

  async function readBelowHorizon(after: Position, limit: number): Promise<readonly LoggedEvent[]> {
    const from = after === gap.after ? gap.upTo : after
    const upTo = horizon.safe()
    if (from >= upTo) return []
    const events = await readEvents(sql, from, upTo, limit)
    if (events.length === 0) gap = { after, upTo }
    return events
  }

  async function read(after: Position, limit: number): Promise<readonly LoggedEvent[]> {
    // What is known to be safe is read without another look: a backlog needs one statement a batch.
    const known = await readBelowHorizon(after, limit)
    if (known.length > 0) return known
    const isQuiet = horizon.isQuiet()
    if (isQuiet && !isBusy && !(await isNews())) return []
    if (isQuiet || !isHeldBack) return lookAndRead(after, limit)
    await look()
    return readBelowHorizon(after, limit)
  }

  return {
    forget,
    isQuiet: () => horizon.isQuiet(),
    async readSafe(after, limit) {
      try {
        const events = await read(after, limit)
        isBusy = events.length > 0
        if (isBusy) isHeldBack = false
        return events
      } catch (error) {
        forget()
        throw error
      }
    },
  }
}
