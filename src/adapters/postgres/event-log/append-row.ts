import { InvalidEventError } from "../../../outbox/invalid-event.ts"
import type { AppendRequest, AppendResult } from "../../../outbox/ports.ts"
import { withSqlState } from "../sql-state.ts"

/** What the SQL functions raise for an event that breaks the rules. */
const EVENT_REFUSED = "RC001"

/** The arguments of `reconciler.append`, as text, the one form that every driver sends alike. */
export function appendArguments(request: AppendRequest) {
  return {
    type: request.type,
    subject: request.subject,
    payload: JSON.stringify(request.payload),
    traceparent: request.traceparent ?? null,
    causationId: request.causationId ?? null,
    idempotencyKey: request.idempotencyKey ?? null,
    backfill: request.backfill ?? false,
  }
}

/** The argument of `reconciler.append_many`. */
export function batchArgument(requests: readonly AppendRequest[]): string {
  return JSON.stringify(
    requests.map(({ type, subject, payload, traceparent, causationId, idempotencyKey, backfill }) => ({
      type,
      subject,
      payload,
      traceparent,
      causation_id: causationId,
      idempotency_key: idempotencyKey,
      backfill,
    })),
  )
}

/** `seq` is a text or a bigint, as the driver has it. */
export function appendResult(row: Readonly<Record<string, unknown>> | undefined): AppendResult {
  switch (row?.outcome) {
    case "manual-block-stands":
      return { outcome: row.outcome }
    case "appended":
    case "already-appended":
      return { outcome: row.outcome, position: BigInt(String(row.seq)), eventId: String(row.event_id) }
    default:
      throw new Error("reconciler.append gave no outcome")
  }
}

/** The database has the last word, also when it is newer than this code and knows a stricter rule. */
export function appendError(error: unknown): unknown {
  const refused = withSqlState(error, EVENT_REFUSED)
  if (!refused) return error
  const faults = (refused.detail ?? "").split("\n").map(line => {
    const [path = "", ...rule] = line.split(": ")
    return { path: path.replace(/idempotency_key$/, "idempotencyKey"), rule: rule.join(": ") }
  })
  return new InvalidEventError(faults, { cause: error })
}
