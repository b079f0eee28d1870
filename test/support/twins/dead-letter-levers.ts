import type { DeadLetterLevers, RequeueResult } from "../../../src/dead-letters/levers.ts"
import { type Rejection, rejectionOf } from "../../../src/dead-letters/reject.ts"
import { planRequeue } from "../../../src/dead-letters/requeue.ts"
import type { EventRecord, LoggedEvent } from "../../../src/domain/event.ts"
import { type InMemoryDeadLetters, isUnsettled, type StoredLetter } from "./dead-letters.ts"

/** `eventAt` is the log; `handle` is what the consumers do with events; `reject` ends an operation. */
export function createInMemoryDeadLetterLevers(
  store: InMemoryDeadLetters,
  {
    eventAt,
    handle,
    reject,
  }: {
    readonly eventAt: (position: bigint) => LoggedEvent | null
    readonly handle: (source: string, events: readonly EventRecord[]) => void
    readonly reject: (rejection: Rejection) => void
  },
): DeadLetterLevers {
  function subjectOf({ source, subject }: StoredLetter): readonly StoredLetter[] {
    return store.rows
      .filter(
        row => row.source === source && row.subject === subject && row.blocksSubject && isUnsettled(row),
      )
      .toSorted((one, other) => ((one.position ?? 0n) < (other.position ?? 0n) ? -1 : 1))
  }

  function requeueWithSubject(letter: StoredLetter): readonly RequeueResult[] {
    const letters = letter.blocksSubject ? subjectOf(letter) : [letter]
    const events = letters.flatMap(({ position }) => (position === null ? [] : (eventAt(position) ?? [])))
    const plan = planRequeue(letters, events)
    handle(letter.source, plan.handle)
    for (const result of plan.results) {
      const row = store.rows.find(({ id }) => id === result.id)
      if (!row) continue
      if (result.outcome === "handed-to-relay") row.state = "requeued"
      if (result.outcome === "resolved") row.state = "resolved"
      if (result.outcome !== "failed-again") continue
      Object.assign(row, { attempts: row.attempts + 1, reason: result.reason, fields: result.fields })
    }
    return plan.results
  }

  return {
    async requeue(id) {
      const letter = store.rows.find(row => row.id === id)
      if (!letter) return [{ id, outcome: "unknown" }]
      return isUnsettled(letter) ? requeueWithSubject(letter) : [{ id, outcome: "settled" }]
    },
    async discard(id, { reason, by }) {
      const letter = store.rows.find(row => row.id === id)
      if (!letter) return { outcome: "unknown" }
      if (letter.state === "requeued") return { outcome: "requeued" }
      if (!isUnsettled(letter)) return { outcome: "settled" }
      Object.assign(letter, { state: "discarded", discardReason: reason, discardedBy: by })
      const event = letter.position === null ? null : eventAt(letter.position)
      const rejection = event && event.eventId === letter.eventId ? rejectionOf(letter, event) : null
      if (rejection) reject(rejection)
      const [next] = letter.blocksSubject ? subjectOf(letter) : []
      const released = next?.reason === "subject-blocked" ? requeueWithSubject(next) : []
      return { outcome: "discarded", released }
    },
  }
}
