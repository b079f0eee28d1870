import { topicsWithPrefix } from "../../src/bus/topics.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import type { PoisonPolicy } from "../../src/domain/order.ts"
import type { Subject } from "../../src/domain/subject.ts"
import type { RelayCursor } from "../../src/relay/ports.ts"
import { createRelay, type Relay } from "../../src/relay/relay.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { unblockRequested } from "./event-builders.ts"
import { createInMemoryDeadLetters } from "./twins/dead-letters.ts"
import { createInMemoryEventPublisher } from "./twins/event-publisher.ts"
import { createInMemoryEventSource } from "./twins/event-source.ts"
import { createInMemoryBroker } from "./twins/message-broker.ts"
import { createInMemoryRelayCursor } from "./twins/relay-cursor.ts"
import { createInMemoryRelayLetters } from "./twins/relay-letters.ts"

export const topics = topicsWithPrefix("t")
/** After this long a relay looks for what is requeued. */
export const LOOK_MS = 11_000
export const { signal } = new AbortController()

/** A request that the broker refuses until it takes larger ones. */
export function huge(subject: Subject): EventRecord {
  return { ...unblockRequested(subject), payload: { text: "x".repeat(2_000) } }
}

/** A log, a broker that takes up to 1,000 bytes, what is set aside, and relays between them; the clock stands. */
export function openPoisonWorld(onPoison: PoisonPolicy, batchSize = 10) {
  let nowMs = 1_000_000
  const clock = { ...systemClock, nowMs: () => nowMs }
  const log = createInMemoryEventSource()
  const store = createInMemoryDeadLetters()
  const cursor = createInMemoryRelayCursor(clock, store)
  const broker = createInMemoryBroker()
  const publisher = createInMemoryEventPublisher(broker)
  publisher.takeUpTo(1_000)
  const letters = createInMemoryRelayLetters(store, { eventAt: log.eventAt, isNewest: cursor.isNewest })

  const relay = (
    holder = "a",
    overrides: Partial<typeof letters> = {},
    advance: RelayCursor["advance"] = cursor.cursor.advance,
  ) =>
    createRelay({
      source: log.source,
      cursor: { ...cursor.cursor, advance },
      letters: { ...letters, ...overrides },
      onPoison,
      publisher: publisher.publisher,
      topics,
      clock,
      holder,
      leaseMs: 5_000,
      batchSize,
      logger: silentLogger,
    })

  async function drain(target: Relay): Promise<void> {
    for (let did = await target.tick(signal); did > 0; did = await target.tick(signal));
  }

  function messages(topic: string) {
    return [0, 1, 2].flatMap(partition => broker.read(topic, partition))
  }

  /** First appearances only: consumers know an event by its id. */
  function positionsOf(subject: Subject, topic = topics["ip-block"]): readonly bigint[] {
    const ours = messages(topic).filter(({ key }) => key === subject)
    return [...new Set(ours.map(({ headers }) => BigInt(headers.ce_position ?? 0)))]
  }

  return {
    log,
    store,
    cursor,
    publisher,
    letters,
    relay,
    drain,
    messages,
    positionsOf,
    pass: (ms: number) => {
      nowMs += ms
    },
    /** As a person asks for it. */
    requeue(...events: readonly EventRecord[]) {
      for (const row of store.rows) {
        if (row.state === "open" && events.some(({ eventId }) => eventId === row.eventId))
          row.state = "requeued"
      }
    },
    reasons: () => store.rows.map(({ position, reason, state }) => [position, reason, state]),
  }
}

export type PoisonWorld = ReturnType<typeof openPoisonWorld>

export const positions = (...events: readonly EventRecord[]) => events.map(({ position }) => position)
