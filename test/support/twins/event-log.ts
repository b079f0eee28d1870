import { randomUUID } from "node:crypto"
import type { NewEvent } from "../../../src/domain/event.ts"
import { checkRequest } from "../../../src/outbox/check-request.ts"
import { InvalidEventError } from "../../../src/outbox/invalid-event.ts"
import type { AppendResult, EventLog } from "../../../src/outbox/ports.ts"

export interface InMemoryTransaction {
  readonly pending: { readonly event: NewEvent; readonly position: bigint }[]
  readonly locked: Map<string, () => void>
}

export interface InMemoryEventLog {
  readonly log: EventLog<InMemoryTransaction>
  /** Commits when `work` resolves; rolls back and rejects when it rejects. */
  transaction<T>(work: (tx: InMemoryTransaction) => Promise<T>): Promise<T>
  committed(): readonly { readonly event: NewEvent; readonly position: bigint }[]
}

/** The event log's twin: one process, subject locks as promises, counting positions. */
export function createInMemoryEventLog(): InMemoryEventLog {
  const committed: { event: NewEvent; position: bigint }[] = []
  const held = new Map<string, Promise<void>>()
  let lastPosition = 0n

  async function lock(tx: InMemoryTransaction, subject: string): Promise<void> {
    if (tx.locked.has(subject)) return
    for (let holder = held.get(subject); holder; holder = held.get(subject)) await holder
    const { promise, resolve } = Promise.withResolvers<void>()
    held.set(subject, promise)
    tx.locked.set(subject, () => {
      held.delete(subject)
      resolve()
    })
  }

  function manualBlockStands(tx: InMemoryTransaction, subject: string): boolean {
    const last = [...committed, ...tx.pending].findLast(
      ({ event }) => event.subject === subject && (isManual(event) || event.type === "unblock-ip.requested"),
    )
    return last !== undefined && isManual(last.event)
  }

  async function append(tx: InMemoryTransaction, event: NewEvent): Promise<AppendResult> {
    const checked = checkRequest(event)
    if (!checked.ok) throw new InvalidEventError(checked.faults)
    await lock(tx, event.subject)
    const automatic = event.type === "block-ip.requested" && !isManual(event)
    if (automatic && manualBlockStands(tx, event.subject)) return { outcome: "manual-block-stands" }
    lastPosition += 1024n
    tx.pending.push({ event, position: lastPosition })
    return { outcome: "appended", position: lastPosition, eventId: randomUUID() }
  }

  return {
    log: { append },
    committed: () => committed.toSorted((left, right) => (left.position < right.position ? -1 : 1)),
    async transaction(work) {
      const tx: InMemoryTransaction = { pending: [], locked: new Map() }
      try {
        const result = await work(tx)
        committed.push(...tx.pending)
        return result
      } finally {
        for (const release of tx.locked.values()) release()
      }
    },
  }
}

function isManual(event: NewEvent): boolean {
  return event.type === "block-ip.requested" && event.payload.manual === true
}
