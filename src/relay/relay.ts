import { toMessage } from "../bus/envelope.ts"
import type { OutgoingMessage } from "../bus/message.ts"
import { type Topics, topicOf } from "../bus/topics.ts"
import type { LoggedEvent } from "../domain/event.ts"
import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Stage } from "../runtime/ticker.ts"
import type { EventPublisher, EventSource, RelayCursor, RelayLease, SetAside } from "./ports.ts"

export interface RelayOptions {
  readonly source: EventSource
  readonly cursor: RelayCursor
  readonly publisher: EventPublisher
  readonly topics: Topics
  readonly clock: Clock
  /** Unique to this process: two relays of one name would both be active. */
  readonly holder: string
  readonly leaseMs: number
  readonly batchSize: number
  readonly logger: Logger
}

export interface Relay extends Stage {
  /** For the ticker: waits 5 ms after the first idle pass, doubling up to 100 ms, so that idling is cheap and news is fast. */
  waitForWork(ms: number, signal: AbortSignal): Promise<void>
  /** Gives the lease back, so that a standby takes over at once; to be called when the ticker has ended. */
  release(): Promise<void>
}

const SHORTEST_WAIT_MS = 5
const LONGEST_WAIT_MS = 100
/** A standby asks for the lease this often: each try is a write. */
const LONGEST_STANDBY_MS = 1_000

interface Sendable {
  readonly event: LoggedEvent
  readonly message: OutgoingMessage
}

/**
 * Moves the log to the bus: in order, without gaps, at least once. A crash between the acknowledgement and the cursor
 * sends a batch again; consumers know an event by its id. One send is in flight; the next batch is read meanwhile.
 */
export function createRelay(options: RelayOptions): Relay {
  const { source, cursor, publisher, topics, clock, logger } = options
  let lease: RelayLease | null = null
  let askAgainAtMs = 0
  let readAhead: readonly LoggedEvent[] = []
  let idlePasses = 0

  /** The lease and all that was read under it: whoever held it meanwhile may have moved the cursor. */
  function forget(): void {
    lease = null
    askAgainAtMs = 0
    readAhead = []
    source.forget()
  }

  async function holdLease(): Promise<RelayLease | null> {
    if (clock.nowMs() < askAgainAtMs) return lease
    const acquired = await cursor.acquire(options.holder, options.leaseMs)
    const thirdMs = options.leaseMs / 3
    if (lease && acquired?.epoch !== lease.epoch) {
      logger.warn({ epoch: lease.epoch.toString() }, "another relay took the lease")
      forget()
    }
    if (!lease && acquired) {
      logger.info(
        { epoch: acquired.epoch.toString(), position: acquired.position.toString() },
        "relay active",
      )
    }
    lease = acquired
    askAgainAtMs = clock.nowMs() + (acquired ? thirdMs : Math.min(thirdMs, LONGEST_STANDBY_MS))
    return lease
  }

  /** Halves a refused run until the refused event is alone. Within a partition a run is written whole or not at all. */
  async function send(run: readonly Sendable[]): Promise<SetAside[]> {
    if (run.length === 0) return []
    const answer = await publisher.publish(run.map(({ message }) => message))
    if (answer.outcome === "acknowledged") return []
    const [first] = run
    if (run.length === 1 && first) return [{ event: first.event, reason: answer.reason }]
    const half = Math.ceil(run.length / 2)
    return [...(await send(run.slice(0, half))), ...(await send(run.slice(half)))]
  }

  async function publish(batch: readonly LoggedEvent[]): Promise<readonly SetAside[]> {
    const unknown: SetAside[] = []
    const run: Sendable[] = []
    for (const event of batch) {
      const topic = topicOf(topics, event.type)
      if (topic) run.push({ event, message: toMessage(event, topic) })
      else unknown.push({ event, reason: "unknown-type" })
    }
    return [...unknown, ...(await send(run))]
  }

  async function forward(
    held: RelayLease,
    batch: readonly LoggedEvent[],
    last: LoggedEvent,
  ): Promise<number> {
    const [sent, read] = await Promise.allSettled([
      publish(batch),
      source.readSafe(last.position, options.batchSize),
    ])
    if (sent.status === "rejected") throw sent.reason
    for (const { event, reason } of sent.value) {
      logger.error({ eventId: event.eventId, type: event.type, reason }, "event set aside")
    }
    if (!(await cursor.advance(held.epoch, last.position, sent.value))) {
      logger.warn({ epoch: held.epoch.toString() }, "the lease was lost while sending")
      forget()
      return 0
    }
    if (read.status === "rejected") throw read.reason
    lease = { epoch: held.epoch, position: last.position }
    readAhead = read.value
    return batch.length
  }

  async function pass(): Promise<number> {
    const held = await holdLease()
    if (!held) return 0
    const batch = readAhead.length > 0 ? readAhead : await source.readSafe(held.position, options.batchSize)
    readAhead = []
    const last = batch.at(-1)
    return last ? forward(held, batch, last) : 0
  }

  return {
    name: "relay",
    async tick() {
      try {
        const did = await pass()
        idlePasses = did > 0 ? 0 : idlePasses + 1
        return did
      } catch (error) {
        forget()
        throw error
      }
    },
    waitForWork(_ms, signal) {
      const waitMs = SHORTEST_WAIT_MS * 2 ** Math.min(Math.max(idlePasses - 1, 0), 10)
      return clock.sleep(Math.min(waitMs, LONGEST_WAIT_MS), signal)
    },
    async release() {
      const held = lease
      forget()
      if (held) await cursor.release(held.epoch)
    },
  }
}
