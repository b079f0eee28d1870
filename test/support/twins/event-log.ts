import { randomUUID } from "node:crypto"
import type { NewEvent } from "../../../src/domain/event.ts"
import { checkRequest } from "../../../src/outbox/check-request.ts"
import { InvalidEventError } from "../../../src/outbox/invalid-event.ts"
import type { AppendRequest, AppendResult, EventLog } from "../../../src/outbox/ports.ts"

type MarkedEvent = Omit<AppendRequest, "idempotencyKey">

interface Answered {
  readonly request: string
  readonly result: AppendResult
}

export interface InMemoryTransaction {
  readonly pending: { readonly event: MarkedEvent; readonly position: bigint }[]
  readonly answers: Map<string, Answered>
  readonly locked: Map<string, () => void>
}

export interface InMemoryEventLog {
  readonly log: EventLog<InMemoryTransaction>
  /** Commits when `work` resolves; rolls back and rejects when it rejects. */
  transaction<T>(work: (tx: InMemoryTransaction) => Promise<T>): Promise<T>
  committed(): readonly { readonly event: MarkedEvent; readonly position: bigint }[]
}

/** The event log's twin: one process, subject locks as promises, counting positions. */
export function createInMemoryEventLog(): InMemoryEventLog {
  const committed: { event: MarkedEvent; position: bigint }[] = []
  const answers = new Map<string, Answered>()
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

  function write(tx: InMemoryTransaction, event: MarkedEvent): AppendResult {
    const automatic = event.type === "block-ip.requested" && !isManual(event)
    if (automatic && manualBlockStands(tx, event.subject)) return { outcome: "manual-block-stands" }
    lastPosition += 1024n
    tx.pending.push({ event, position: lastPosition })
    return { outcome: "appended", position: lastPosition, eventId: randomUUID() }
  }

  function writeOnce(tx: InMemoryTransaction, key: string, event: MarkedEvent): AppendResult {
    const request = JSON.stringify([event.type, event.subject, event.payload])
    const known = tx.answers.get(key) ?? answers.get(key)
    if (!known) {
      const result = write(tx, event)
      tx.answers.set(key, { request, result })
      return result
    }
    if (known.request !== request) throw new InvalidEventError([KEY_REUSED])
    return known.result.outcome === "appended"
      ? { ...known.result, outcome: "already-appended" }
      : known.result
  }

  async function append(
    tx: InMemoryTransaction,
    { idempotencyKey, ...event }: AppendRequest,
  ): Promise<AppendResult> {
    const checked = checkRequest({ ...event, idempotencyKey: idempotencyKey ?? null })
    if (!checked.ok) throw new InvalidEventError(checked.faults)
    await lock(tx, event.subject)
    return idempotencyKey == null ? write(tx, event) : writeOnce(tx, idempotencyKey, event)
  }

  return {
    log: {
      append,
      async appendMany(tx, requests) {
        for (const subject of requests.map(request => request.subject).toSorted()) await lock(tx, subject)
        const results: AppendResult[] = []
        for (const request of requests) results.push(await append(tx, request))
        return results
      },
    },
    committed: () => committed.toSorted((left, right) => (left.position < right.position ? -1 : 1)),
    async transaction(work) {
      const tx: InMemoryTransaction = { pending: [], answers: new Map(), locked: new Map() }
      try {
        const result = await work(tx)
        committed.push(...tx.pending)
        for (const [key, answer] of tx.answers) answers.set(key, answer)
        return result
      } finally {
        for (const release of tx.locked.values()) release()
      }
    },
  }
}

const KEY_REUSED = { path: "idempotencyKey", rule: "was used for another request" }

function isManual(event: NewEvent): boolean {
  return event.type === "block-ip.requested" && event.payload.manual === true
}
