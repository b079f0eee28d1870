import type { LoggedEvent } from "../../../src/domain/event.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import type { RelayLetters } from "../../../src/relay/ports.ts"
import { type InMemoryDeadLetters, isUnsettled, type StoredLetter } from "./dead-letters.ts"

/** `eventAt` is the log; `isNewest` knows the relay's lease. */
export function createInMemoryRelayLetters(
  store: InMemoryDeadLetters,
  {
    eventAt,
    isNewest,
  }: {
    readonly eventAt: (position: bigint) => LoggedEvent | null
    readonly isNewest: (epoch: bigint) => boolean
  },
): RelayLetters {
  const ours = () => store.rows.filter(row => row.source === "relay")
  const unsettled = () => ours().filter(isUnsettled)
  const isOfOneOf = (row: StoredLetter, others: readonly StoredLetter[]) =>
    row.blocksSubject && others.some(other => other.blocksSubject && other.subject === row.subject)

  return {
    glance: async () => ({
      unsettled: unsettled().length,
      requeued: unsettled().some(({ state }) => state === "requeued"),
      unannounced: store.rows.some(({ announced, state }) => announced !== state),
    }),
    async blockedSubjects() {
      const lowest = new Map<Subject, bigint>()
      for (const { blocksSubject, subject, position } of unsettled()) {
        if (!blocksSubject || subject === null || position === null) continue
        if (position < (lowest.get(subject) ?? position + 1n)) lowest.set(subject, position)
      }
      return lowest
    },
    discarded: async eventIds =>
      new Set(
        ours().flatMap(({ state, eventId }) =>
          state === "discarded" && eventId !== null && eventIds.includes(eventId) ? [eventId] : [],
        ),
      ),
    async requeued(limit) {
      const marked = unsettled().filter(({ state }) => state === "requeued")
      for (const row of unsettled()) if (isOfOneOf(row, marked)) row.state = "requeued"
      return unsettled()
        .filter(({ state }) => state === "requeued")
        .toSorted((one, other) => ((one.position ?? 0n) < (other.position ?? 0n) ? -1 : 1))
        .slice(0, limit)
        .flatMap(({ id, position, type, subject }) =>
          position === null || subject === null
            ? []
            : [{ letterId: id, position, type: type ?? "", subject, event: eventAt(position) }],
        )
    },
    async settle(epoch, settled, policy) {
      if (!isNewest(epoch)) return false
      const failed: StoredLetter[] = []
      for (const each of settled) {
        const row = ours().find(({ id, state }) => id === each.letterId && state === "requeued")
        if (!row) continue
        row.state = each.state
        if (each.state === "resolved") continue
        failed.push(row)
        if (each.failed !== null) Object.assign(row, { reason: each.failed, attempts: row.attempts + 1 })
      }
      if (policy === "skip") return true
      for (const row of unsettled()) if (isOfOneOf(row, failed)) row.state = "open"
      return true
    },
    unannounced: async limit =>
      store.rows
        .filter(({ announced, state }) => announced !== state)
        .slice(0, limit)
        .map(({ id, state, subject, changedAtMs, source, reason }) => ({
          letterId: id,
          state,
          subject,
          changedAtMs,
          data: { id: String(id), state, source, reason },
        })),
    async markAnnounced(announced) {
      for (const { letterId, state } of announced) {
        const row = store.rows.find(({ id }) => id === letterId)
        if (row) row.announced = state
      }
    },
  }
}
