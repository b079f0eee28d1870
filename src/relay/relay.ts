import type { Topics } from "../bus/topics.ts"
import type { LoggedEvent } from "../domain/event.ts"
import type { PoisonPolicy } from "../domain/order.ts"
import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Stage } from "../runtime/ticker.ts"
import { createCursorKeeper } from "./cursor-keeper.ts"
import { createPatience } from "./patience.ts"
import { createPoison } from "./poison.ts"
import type {
  EventPublisher,
  EventSource,
  LogNews,
  RelayCursor,
  RelayLease,
  RelayLetters,
  SetAside,
} from "./ports.ts"
import { createReadAhead } from "./read-ahead.ts"

export interface RelayOptions {
  readonly source: EventSource
  readonly cursor: RelayCursor
  readonly publisher: EventPublisher
  readonly letters: RelayLetters
  readonly onPoison: PoisonPolicy
  /** Without it the relay polls. */
  readonly news?: LogNews
  readonly topics: Topics
  readonly clock: Clock
  /** Unique to this process: two relays of one name would both be active. */
  readonly holder: string
  /** A standby takes over from a holder that is stopped within this time. */
  readonly leaseMs: number
  readonly batchSize: number
  readonly logger: Logger
}

export interface Relay extends Stage {
  /** For the ticker: short waits after news, long ones when there is none. */
  waitForWork(ms: number, signal: AbortSignal): Promise<void>
  /** Gives the lease back, so that a standby takes over at once; to be called when the ticker has ended. */
  release(): Promise<void>
}

/** A standby asks for the lease this often: each try is a statement. */
const LONGEST_STANDBY_MS = 1_000
/** Of the lease time: what is stored, when it is renewed, and how often a standby asks. In sum less than all of it. */
const HELD = 0.7
const RENEWED_AFTER = 0.3
const STANDBY_ASKS_AFTER = 0.2

/**
 * Moves the log to the bus: in order, without gaps, at least once. A crash between the acknowledgement and the cursor
 * sends a batch again; consumers know an event by its id. One send is in flight; meanwhile the next batch is read and
 * the cursor moved over the batches before.
 */
export function createRelay(options: RelayOptions): Relay {
  const { source, clock, logger } = options
  const poison = createPoison({ ...options, policy: options.onPoison })
  const keeper = createCursorKeeper(options.cursor, clock)
  const patience = createPatience({ clock, isQuiet: () => source.isQuiet(), ...pick(options.news) })
  const behindSends = createReadAhead({ source, clock, limit: options.batchSize })
  let lease: RelayLease | null = null
  let askAgainAtMs = 0
  let readAhead: readonly LoggedEvent[] = []

  /** The lease and all that was read under it: whoever held it meanwhile may have moved the cursor. */
  function forget(): void {
    lease = null
    askAgainAtMs = 0
    readAhead = []
    source.forget()
    keeper.forget()
    poison.forget()
  }

  async function holdLease(): Promise<RelayLease | null> {
    if (lease && keeper.wasRefused()) {
      logger.warn({ epoch: lease.epoch.toString() }, "the lease was lost while sending")
      forget()
    }
    if (clock.nowMs() < askAgainAtMs) return lease
    const { leaseMs } = options
    const stored = keeper.stored()
    const acquired = await options.cursor.acquire(options.holder, leaseMs * HELD)
    if (lease && acquired?.epoch !== lease.epoch) {
      logger.warn({ epoch: lease.epoch.toString() }, "another relay took the lease")
      forget()
    }
    if (lease && acquired && acquired.position < stored) {
      // Writers of that state may use positions below what was sent: whoever reads on from there leaves them out.
      logger.warn({ position: acquired.position.toString() }, "the database went back to an older state")
      forget()
    }
    if (!lease && acquired) {
      logger.info(
        { epoch: acquired.epoch.toString(), position: acquired.position.toString() },
        "relay active",
      )
    }
    // The stored position may be behind what was sent under this lease.
    lease = acquired && lease ? { ...acquired, position: lease.position } : acquired
    const waitMs = acquired
      ? leaseMs * RENEWED_AFTER
      : Math.min(leaseMs * STANDBY_ASKS_AFTER, LONGEST_STANDBY_MS)
    askAgainAtMs = clock.nowMs() + waitMs
    return lease
  }

  async function forward(
    held: RelayLease,
    batch: readonly LoggedEvent[],
    last: LoggedEvent,
  ): Promise<number> {
    const sending = poison.publish(batch)
    const [sent, read] = await Promise.allSettled([
      sending,
      behindSends.during(sending, batch.length, last.position),
    ])
    if (sent.status === "rejected") throw sent.reason
    if (sent.value.length > 0) logSetAside(sent.value, logger)
    keeper.advance(held.epoch, last.position, sent.value)
    if (read.status === "rejected") {
      await keeper.settled()
      throw read.reason
    }
    lease = { epoch: held.epoch, position: last.position }
    readAhead = read.value
    return batch.length
  }

  /** What was set aside is stored first, or it could not be told from what a person has taken away. */
  async function lookForPoison(epoch: bigint): Promise<number> {
    await keeper.settled()
    keeper.throwFailure()
    const sent = keeper.wasRefused() ? "lost" : await poison.look(epoch)
    if (sent !== "lost") return sent
    logger.warn({ epoch: epoch.toString() }, "the lease was lost while looking for what is requeued")
    forget()
    return 0
  }

  async function pass(): Promise<number> {
    const held = await holdLease()
    if (!held) return 0
    if (poison.isDue()) {
      const sent = await lookForPoison(held.epoch)
      if (sent !== 0) return sent
    }
    const batch = readAhead.length > 0 ? readAhead : await source.readSafe(held.position, options.batchSize)
    readAhead = []
    const last = batch.at(-1)
    return last ? forward(held, batch, last) : 0
  }

  return {
    name: "relay",
    async tick() {
      try {
        keeper.throwFailure()
        const did = await pass()
        if (did > 0) patience.worked()
        return did
      } catch (error) {
        forget()
        throw error
      }
    },
    waitForWork(_ms, signal) {
      if (lease) return patience.wait(signal)
      return clock.sleep(Math.max(1, askAgainAtMs - clock.nowMs()), signal)
    },
    async release() {
      await keeper.settled()
      const held = lease
      forget()
      if (held) await options.cursor.release(held.epoch)
    },
  }
}

function logSetAside(aside: readonly SetAside[], logger: Logger): void {
  const failed = aside.filter(({ reason }) => reason !== "subject-blocked")
  for (const { event, reason } of failed) {
    logger.error({ eventId: event.eventId, type: event.type, reason }, "event set aside")
  }
  const waiting = aside.length - failed.length
  if (waiting > 0) logger.warn({ events: waiting }, "events set aside behind others of their subjects")
}

function pick(news: LogNews | undefined): { readonly news?: LogNews } {
  return news ? { news } : {}
}
