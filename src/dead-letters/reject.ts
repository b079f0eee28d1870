import { type LoggedEvent, type NewEvent, resultEventType, resultPayloadSchema } from "../domain/event.ts"
import type { OperationType } from "../domain/operation.ts"
import { type OperationKind, operationDefinition, operationKindOf } from "../domain/operations/index.ts"
import { TRACEPARENT } from "../domain/traceparent.ts"
import type { DeadLetter } from "./ports.ts"

/** The end of an operation that a person has given up before it came to the chain. */
export interface Rejection {
  readonly operation: Pick<LoggedEvent, "eventId" | "position" | "subject" | "traceparent"> & {
    readonly type: OperationType
    readonly kind: OperationKind
  }
  readonly event: NewEvent
}

/** Whose letters keep an operation from the chain: what others could not read has its outcome from there. */
const BEFORE_THE_CHAIN: ReadonlySet<string> = new Set(["relay", "chain-writer"])

/**
 * What to tell when the letter of this event is discarded: rejected, for `discarded:` and the letter's reason code, never
 * the person's words. Null for what is no request of ours. The payload is not looked at: it may be what is wrong.
 */
export function rejectionOf(
  { source, reason }: Pick<DeadLetter, "source" | "reason">,
  event: LoggedEvent,
): Rejection | null {
  const kind = operationKindOf(event.type)
  if (!kind || !BEFORE_THE_CHAIN.has(source)) return null
  const { eventId, position, subject } = event
  const payload = resultPayloadSchema.safeParse({
    operationId: eventId,
    operationPosition: position.toString(),
    outcome: "Invalid",
    reason: `discarded:${reason}`,
  })
  // Its id is none that a message can carry: the result would be set aside by all who read it.
  if (!payload.success) return null
  const traceparent = TRACEPARENT.test(event.traceparent ?? "") ? event.traceparent : null
  return {
    operation: { eventId, position, type: operationDefinition(kind).type, kind, subject, traceparent },
    event: {
      type: resultEventType(kind, "rejected"),
      subject,
      payload: payload.data,
      traceparent,
      causationId: eventId,
    },
  }
}
