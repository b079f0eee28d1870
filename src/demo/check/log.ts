import { isDeepStrictEqual } from "node:util"
import { classifyEvent, IP_BLOCK_EXPIRED } from "../../domain/event.ts"
import type { LoggedEvent, Observations } from "../observe/observations.ts"
import type { RecordedOperation, RunRecord } from "../record.ts"
import type { Mismatch } from "./mismatch.ts"

/** The log holds each appended request as it was appended, and no request that nobody committed. */
export function checkLog(record: RunRecord, observed: Observations): Mismatch[] {
  const recorded = new Map(record.operations.map(operation => [operation.eventId, operation]))
  const undone = new Set(record.rolledBack.map(({ eventId }) => eventId))
  return [
    ...record.wrongAnswers.map((what): Mismatch => ({ kind: "append-answered-wrongly", what })),
    ...observed.log.flatMap((event): Mismatch[] => {
      if (undone.has(event.eventId)) return [{ kind: "undone-event-in-log", what: event.eventId }]
      const operation = recorded.get(event.eventId)
      if (operation) {
        const field = differingField(operation, event)
        return field ? [{ kind: "log-event-differs", what: event.eventId, detail: field }] : []
      }
      const known = classifyEvent(event.type)
      const isOurRequest = known?.class === "request" && event.type !== IP_BLOCK_EXPIRED
      return isOurRequest || !known
        ? [{ kind: "log-event-unexpected", what: event.eventId, detail: event.type }]
        : []
    }),
  ]
}

function differingField(operation: RecordedOperation, event: LoggedEvent): string | undefined {
  if (operation.position !== event.position) return "position"
  if (operation.subject !== event.subject) return "subject"
  if (operation.type !== event.type) return "type"
  return isDeepStrictEqual({ ...operation.payload }, { ...event.payload }) ? undefined : "payload"
}
