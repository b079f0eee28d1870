import type { NewEvent } from "../../../domain/event.ts"
import { InvalidEventError } from "../../../outbox/invalid-event.ts"
import type { AppendResult } from "../../../outbox/ports.ts"
import { withSqlState } from "../sql-state.ts"

/** What the SQL function raises for an event that breaks the rules. */
const EVENT_REFUSED = "RC001"

/** The arguments of `reconciler.append`, as text, the one form that every driver sends alike. */
export function appendArguments(event: NewEvent) {
  return {
    type: event.type,
    subject: event.subject,
    payload: JSON.stringify(event.payload),
    traceparent: event.traceparent ?? null,
    causationId: event.causationId ?? null,
  }
}

/** `seq` is a text or a bigint, as the driver has it. */
export function appendResult(row: Readonly<Record<string, unknown>> | undefined): AppendResult {
  if (row?.outcome === "manual-block-stands") return { outcome: "manual-block-stands" }
  if (row?.outcome !== "appended") throw new Error("reconciler.append gave no outcome")
  return { outcome: "appended", position: BigInt(String(row.seq)), eventId: String(row.event_id) }
}

/** The database has the last word, also when it is newer than this code and knows a stricter rule. */
export function appendError(error: unknown): unknown {
  const refused = withSqlState(error, EVENT_REFUSED)
  if (!refused) return error
  const faults = (refused.detail ?? "").split("\n").map(line => {
    const [path = "", ...rule] = line.split(": ")
    return { path, rule: rule.join(": ") }
  })
  return new InvalidEventError(faults, { cause: error })
}
