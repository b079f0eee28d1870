import type { Place } from "../bus/known-headers.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"
import type { QueuedOperation } from "./ports.ts"

/**
 * What of a batch may go to the chain when some of a subject's requests could not be read: nothing that comes after such
 * a one in the order of the log. `unsettled` are those set aside before, `malformed` those of this batch. One that comes
 * again and can be read now goes, and lets go what comes after it.
 */
export function keepOrder(
  operations: readonly QueuedOperation[],
  malformed: readonly Place[],
  unsettled: readonly Place[],
): { readonly accepted: readonly QueuedOperation[]; readonly blocked: readonly QueuedOperation[] } {
  const gaps = gapsBySubject([...unsettled, ...malformed])
  if (gaps.size === 0) return { accepted: operations, blocked: [] }
  const accepted: QueuedOperation[] = []
  const blocked: QueuedOperation[] = []
  for (const operation of operations.toSorted(byPosition)) {
    const open = gaps.get(operation.subject) ?? []
    if (open[0]?.eventId === operation.eventId) open.shift()
    const isBehind = open[0] !== undefined && open[0].position < operation.position
    if (isBehind) blocked.push(operation)
    else accepted.push(operation)
  }
  return { accepted, blocked }
}

/** The lowest first. */
function gapsBySubject(places: readonly Place[]): ReadonlyMap<Subject, Place[]> {
  const gaps = new Map<Subject, Place[]>()
  for (const place of places.toSorted(byPosition)) {
    const open = gaps.get(place.subject)
    if (!open) gaps.set(place.subject, [place])
    else if (open.at(-1)?.eventId !== place.eventId) open.push(place)
  }
  return gaps
}

function byPosition(one: { readonly position: Position }, other: { readonly position: Position }): number {
  return one.position < other.position ? -1 : one.position > other.position ? 1 : 0
}
