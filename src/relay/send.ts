import { toMessage } from "../bus/envelope.ts"
import type { OutgoingMessage } from "../bus/message.ts"
import { type Topics, topicOf } from "../bus/topics.ts"
import type { LoggedEvent } from "../domain/event.ts"
import type { HeldBack } from "./held-back.ts"
import type { EventPublisher, SetAside } from "./ports.ts"

interface Sendable {
  readonly event: LoggedEvent
  readonly message: OutgoingMessage
}

/**
 * Sends events in the order given, and gives what could not be sent: of an unknown type, refused by the broker, or
 * later in the order of a subject that is held back. All others are sent, none before an earlier one of its subject.
 */
export async function sendInOrder(
  events: readonly LoggedEvent[],
  held: HeldBack,
  { publisher, topics }: { readonly publisher: EventPublisher; readonly topics: Topics },
): Promise<readonly SetAside[]> {
  const aside: SetAside[] = []

  /** Halves a refused run until the refused event is alone. Within a partition a run is written whole or not at all. */
  async function send(all: readonly Sendable[]): Promise<void> {
    const run = aside.length === 0 ? all : all.filter(({ event }) => !isHeld(event))
    if (run.length === 0) return
    const answer = await publisher.publish(run.map(({ message }) => message))
    if (answer.outcome === "acknowledged") return
    const [first] = run
    if (run.length === 1 && first) {
      aside.push(held.setAside(first.event, answer.reason))
      return
    }
    const half = Math.ceil(run.length / 2)
    await send(run.slice(0, half))
    await send(run.slice(half))
  }

  function isHeld(event: LoggedEvent): boolean {
    if (!held.isHeld(event)) return false
    aside.push(held.setAside(event, "subject-blocked"))
    return true
  }

  const run: Sendable[] = []
  for (const event of events) {
    const topic = topicOf(topics, event.type)
    if (!topic) aside.push(held.setAside(event, "unknown-type"))
    else if (!isHeld(event)) {
      const message = toSendable(event, topic)
      if (message) run.push({ event, message })
      else aside.push(held.setAside(event, "invalid-record"))
    }
  }
  await send(run)
  return aside.toSorted((one, other) => (one.event.position < other.event.position ? -1 : 1))
}

/** Of a Date, in milliseconds. `infinity` is a time to the database, and no message can say it. */
const LATEST_MS = 8.64e15

function toSendable(event: LoggedEvent, topic: string): OutgoingMessage | null {
  return Math.abs(event.occurredAtMs) <= LATEST_MS ? toMessage(event, topic) : null
}
