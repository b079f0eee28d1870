import type { LoggedEvent } from "../domain/event.ts"
import { hasOrder, type PoisonPolicy } from "../domain/order.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"
import type { SetAside, SetAsideReason } from "./ports.ts"

type Placed = Pick<LoggedEvent, "position" | "type" | "subject">

/** Which subjects wait, and from where on: what comes after an event that was set aside must not overtake it. */
export interface HeldBack {
  isHeld(event: Placed): boolean
  /** Holds its subject back from here on, if the policy says so and the event has a place in the subject's order. */
  hold(event: Placed): boolean
  /** Takes back what `hold` did for this event. */
  release(event: Placed): void
  setAside(event: LoggedEvent, reason: SetAsideReason): SetAside
}

export function createHeldBack(
  policy: PoisonPolicy,
  blocked: ReadonlyMap<Subject, Position> = new Map(),
): HeldBack {
  const from = new Map(policy === "block-subject" ? blocked : [])

  function hold({ position, type, subject }: Placed): boolean {
    if (policy === "skip" || !hasOrder(type)) return false
    const lowest = from.get(subject)
    if (lowest === undefined || position < lowest) from.set(subject, position)
    return true
  }

  return {
    hold,
    release({ position, subject }) {
      if (from.get(subject) === position) from.delete(subject)
    },
    // What is below was published before: it comes again when the cursor was set back.
    isHeld({ position, type, subject }) {
      if (from.size === 0) return false
      const lowest = from.get(subject)
      return lowest !== undefined && position >= lowest && hasOrder(type)
    },
    setAside: (event, reason) => ({ event, reason, blocksSubject: hold(event) }),
  }
}
