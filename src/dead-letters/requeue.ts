import { parseMessage, toMessage } from "../bus/envelope.ts"
import type { EventRecord, LoggedEvent } from "../domain/event.ts"
import type { RequeueResult } from "./levers.ts"
import type { DeadLetter } from "./ports.ts"

/** A person compares and decides: there is no event whose handling would mend them. */
export const NOT_REQUEUEABLE: ReadonlySet<string> = new Set(["result-contradicted", "request-not-in-log"])

export type RequeuedLetter = Pick<
  DeadLetter,
  "id" | "source" | "reason" | "eventId" | "position" | "blocksSubject"
>

/** What to do with letters that a person requeues. `handle` are events of a consumer, to be handled in this order. */
export interface RequeuePlan {
  readonly handle: readonly EventRecord[]
  readonly results: readonly RequeueResult[]
}

/**
 * `letters`: one, or all of a subject that one source has not settled, by position. None goes after one that fails again
 * or is not in the log: the order of the log would be lost.
 */
export function planRequeue(letters: readonly RequeuedLetter[], events: readonly LoggedEvent[]): RequeuePlan {
  const byPosition = new Map(events.map(event => [event.position, event]))
  const eventOf = ({ eventId, position }: RequeuedLetter): LoggedEvent | null => {
    const event = position === null ? undefined : byPosition.get(position)
    return event?.eventId === eventId ? event : null
  }
  return letters[0]?.source === "relay" ? forRelay(letters, eventOf) : forConsumer(letters, eventOf)
}

type EventOf = (letter: RequeuedLetter) => LoggedEvent | null

/** All or none: the relay takes the whole subject. */
function forRelay(letters: readonly RequeuedLetter[], eventOf: EventOf): RequeuePlan {
  const isWhole = letters.every(letter => eventOf(letter) !== null)
  const results = letters.map((letter): RequeueResult => {
    if (isWhole) return { id: letter.id, outcome: "handed-to-relay" }
    return { id: letter.id, outcome: eventOf(letter) ? "still-blocked" : "not-in-log" }
  })
  return { handle: [], results }
}

function forConsumer(letters: readonly RequeuedLetter[], eventOf: EventOf): RequeuePlan {
  const handle: EventRecord[] = []
  const results: RequeueResult[] = []
  let isBlocked = false
  for (const letter of letters) {
    const tried = isBlocked ? STILL_BLOCKED : tryAgain(letter, eventOf(letter))
    if ("event" in tried) {
      handle.push(tried.event)
      results.push({ id: letter.id, outcome: "resolved" })
      continue
    }
    results.push({ id: letter.id, ...tried })
    isBlocked = letter.blocksSubject
  }
  return { handle, results }
}

const STILL_BLOCKED = { outcome: "still-blocked" } as const

/** Parsed as what the relay would send. The topic is not part of what is parsed. */
function tryAgain(letter: RequeuedLetter, event: LoggedEvent | null) {
  const isEvent = letter.position !== null
  if (!isEvent || NOT_REQUEUEABLE.has(letter.reason)) return { outcome: "not-requeueable" } as const
  if (event === null) return { outcome: "not-in-log" } as const
  const parsed = parseMessage(toMessage(event, ""))
  if (parsed.ok) return { event: parsed.event }
  return { outcome: "failed-again", reason: parsed.reason, fields: parsed.fields } as const
}
