import { hasOrder } from "../domain/order.ts"
import { isPosition, type Position } from "../domain/position.ts"
import { isSubject, type Subject } from "../domain/subject.ts"
import type { Message } from "./message.ts"

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const EVENT_TYPE = /^caregrid\.[a-z0-9.-]{1,64}$/

export interface KnownHeaders {
  readonly eventId: string | null
  readonly position: Position | null
  readonly type: string | null
  readonly subject: Subject | null
}

/** What is well-formed of a message that could not be read. Another header may hold anything, also a name: it is left out. */
export function knownHeaders(headers: Message["headers"]): KnownHeaders {
  const { ce_id: id, ce_position: position, ce_type: type, ce_subject: subject } = headers
  return {
    eventId: id && UUID.test(id) ? id.toLowerCase() : null,
    position: position && isPosition(position) ? BigInt(position) : null,
    type: type && EVENT_TYPE.test(type) ? type.slice("caregrid.".length) : null,
    subject: subject && isSubject(subject) ? subject : null,
  }
}

/** Where an event stands in its subject's order. */
export interface Place {
  readonly eventId: string
  readonly position: Position
  readonly subject: Subject
}

/** The place of a message that could not be read; null for one that is not of the log, or has no place in an order. */
export function placeOf(headers: Message["headers"]): Place | null {
  const { eventId, position, subject, type } = knownHeaders(headers)
  if (eventId === null || position === null || subject === null) return null
  return hasOrder(type ?? "") ? { eventId, position, subject } : null
}
