import { type EventRecord, type LoggedEvent, toLogged } from "../../../src/domain/event.ts"
import type { EventSource } from "../../../src/relay/ports.ts"

export interface WritingTransaction {
  append(event: EventRecord): void
  commit(): void
  rollback(): void
}

export interface InMemoryEventSource {
  readonly source: EventSource
  begin(): WritingTransaction
  /** Of a transaction of their own. */
  append(...events: readonly EventRecord[]): void
  /** Of the committed ones. */
  eventAt(position: bigint): LoggedEvent | null
}

/** Positions are the events' own. An open transaction holds back all from its lowest position on. */
export function createInMemoryEventSource(): InMemoryEventSource {
  const committed: EventRecord[] = []
  const open = new Set<EventRecord[]>()

  function begin(): WritingTransaction {
    const pending: EventRecord[] = []
    open.add(pending)
    return {
      append: event => void pending.push(event),
      commit() {
        open.delete(pending)
        committed.push(...pending)
      },
      rollback: () => void open.delete(pending),
    }
  }

  return {
    begin,
    eventAt(position) {
      const found = committed.find(event => event.position === position)
      return found ? toLogged(found) : null
    },
    append(...events) {
      const tx = begin()
      for (const event of events) tx.append(event)
      tx.commit()
    },
    source: {
      forget: () => undefined,
      isQuiet: () => open.size === 0,
      async readSafe(after, limit) {
        const held = [...open].flat().map(event => event.position)
        return committed
          .filter(({ position }) => position > after && held.every(other => position < other))
          .sort((left, right) => (left.position < right.position ? -1 : 1))
          .slice(0, limit)
          .map(toLogged)
      },
    },
  }
}
