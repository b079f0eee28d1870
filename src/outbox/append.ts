import type { NewEvent } from "../domain/event.ts"
import { checkRequest } from "./check-request.ts"
import { type EventFault, InvalidEventError } from "./invalid-event.ts"
import type { AppendResult, EventLog } from "./ports.ts"

export interface Appender<Transaction> {
  /**
   * Appends one request in the caller's transaction, which holds the subject from here to its end.
   * Throws InvalidEventError, with all faults and nothing written, for an event that breaks the rules.
   */
  append(tx: Transaction, event: NewEvent): Promise<AppendResult>
  /**
   * The same for several; results in the order of `events`. All are checked before any is written, and subjects are
   * taken in sorted order: two transactions with the same subjects in different order would wait for each other.
   */
  appendMany(tx: Transaction, events: readonly NewEvent[]): Promise<readonly AppendResult[]>
}

export function createAppender<Transaction>(log: EventLog<Transaction>): Appender<Transaction> {
  return {
    async append(tx, event) {
      const checked = checkRequest(event)
      if (!checked.ok) throw new InvalidEventError(checked.faults)
      return log.append(tx, event)
    },
    async appendMany(tx, events) {
      const faults = events.flatMap(faultsAt)
      if (faults.length > 0) throw new InvalidEventError(faults)
      const inOrder = events.map((event, index) => ({ event, index })).toSorted(bySubject)
      const results: AppendResult[] = []
      for (const { event, index } of inOrder) results[index] = await log.append(tx, event)
      return results
    },
  }
}

function faultsAt(event: NewEvent, index: number): readonly EventFault[] {
  const checked = checkRequest(event)
  if (checked.ok) return []
  return checked.faults.map(fault => ({ ...fault, path: `${index}.${fault.path}` }))
}

/** Stable: events of one subject keep their order. */
function bySubject(left: { readonly event: NewEvent }, right: { readonly event: NewEvent }): number {
  if (left.event.subject === right.event.subject) return 0
  return left.event.subject < right.event.subject ? -1 : 1
}
