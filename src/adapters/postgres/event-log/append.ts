import { createAppender } from "../../../outbox/append.ts"
import type { AppendRequest, AppendResult, EventLog } from "../../../outbox/ports.ts"
import type { AnySql } from "../client.ts"
import { appendArguments, appendError, appendResult, batchArgument } from "./append-row.ts"

/** The log in a postgres.js transaction. */
export const postgresEventLog: EventLog<AnySql> = {
  async append(tx, request) {
    try {
      const [row] = await callAppend(tx, request)
      return appendResult(row)
    } catch (error) {
      throw appendError(error)
    }
  },
  async appendMany(tx, requests) {
    try {
      const rows = await callAppendMany(tx, requests)
      return rows.map(appendResult)
    } catch (error) {
      throw appendError(error)
    }
  },
}

/** `append(tx, event)` and `appendMany(tx, events)` for a postgres.js transaction. */
export const { append, appendMany } = createAppender(postgresEventLog)

export type { AppendRequest, AppendResult }

function callAppend(tx: AnySql, request: AppendRequest) {
  const { type, subject, payload, traceparent, causationId, idempotencyKey, backfill } =
    appendArguments(request)
  if (idempotencyKey === null) {
    return tx`
      select outcome, seq, event_id
      from reconciler.append(
        ${type}, ${subject}::text, ${payload}::text::jsonb, ${traceparent}, ${causationId}::uuid,
        ${backfill}::boolean)`
  }
  return tx`
    select outcome, seq, event_id
    from reconciler.append_once(
      ${idempotencyKey}, ${type}, ${subject}::text, ${payload}::text::jsonb, ${traceparent}, ${causationId}::uuid,
      ${backfill}::boolean)`
}

function callAppendMany(tx: AnySql, requests: readonly AppendRequest[]) {
  return tx`
    select outcome, seq, event_id
    from reconciler.append_many(${batchArgument(requests)}::text::jsonb) order by ordinal`
}
