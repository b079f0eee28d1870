import { checkRequest } from "./check-request.ts"
import { type EventFault, InvalidEventError } from "./invalid-event.ts"
import { type AppendRequest, type AppendResult, type EventLog, MAX_BATCH } from "./ports.ts"

export interface Appender<Transaction> {
  /**
   * Appends one request in the caller's transaction, which holds the subject from here to its end.
   * Throws InvalidEventError, with all faults and nothing written, for a request that breaks the rules.
   */
  append(tx: Transaction, request: AppendRequest): Promise<AppendResult>
  /**
   * The same for up to 1,000 at once; results in the order of `requests`. All are checked before any is written.
   * Two transactions with the same subjects in different order do not wait for each other for ever.
   */
  appendMany(tx: Transaction, requests: readonly AppendRequest[]): Promise<readonly AppendResult[]>
}

export function createAppender<Transaction>(log: EventLog<Transaction>): Appender<Transaction> {
  return {
    async append(tx, request) {
      const checked = checkRequest(request)
      if (!checked.ok) throw new InvalidEventError(checked.faults)
      return log.append(tx, request)
    },
    async appendMany(tx, requests) {
      const faults = requests.length > MAX_BATCH ? [TOO_MANY] : requests.flatMap(faultsAt)
      if (faults.length > 0) throw new InvalidEventError(faults)
      return requests.length === 0 ? [] : log.appendMany(tx, requests)
    },
  }
}

const TOO_MANY: EventFault = {
  path: "events",
  rule: `must be an array of at most ${MAX_BATCH} requests`,
}

function faultsAt(request: AppendRequest, index: number): readonly EventFault[] {
  const checked = checkRequest(request)
  if (checked.ok) return []
  return checked.faults.map(fault => ({ ...fault, path: `${index}.${fault.path}` }))
}
