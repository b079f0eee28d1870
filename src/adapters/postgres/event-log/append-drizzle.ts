import { type SQL, sql } from "drizzle-orm"
import { createAppender } from "../../../outbox/append.ts"
import type { AppendRequest, AppendResult, EventLog } from "../../../outbox/ports.ts"
import { appendArguments, appendError, appendResult, batchArgument } from "./append-row.ts"

/** A drizzle transaction over any driver: postgres.js answers with rows, node-postgres with an object that has them. */
export interface DrizzleTransaction {
  execute(query: SQL): PromiseLike<unknown>
}

/** The log in a drizzle transaction. */
export const drizzleEventLog: EventLog<DrizzleTransaction> = {
  async append(tx, request) {
    try {
      return appendResult(rowsOf(await tx.execute(appendStatement(request)))[0])
    } catch (error) {
      throw appendError(error)
    }
  },
  async appendMany(tx, requests) {
    try {
      return rowsOf(await tx.execute(appendManyStatement(requests))).map(appendResult)
    } catch (error) {
      throw appendError(error)
    }
  },
}

/** `append(tx, event)` and `appendMany(tx, events)` for a drizzle transaction. */
export const { append, appendMany } = createAppender(drizzleEventLog)

export type { AppendRequest, AppendResult }

function appendStatement(request: AppendRequest): SQL {
  const { type, subject, payload, traceparent, causationId, idempotencyKey, backfill } =
    appendArguments(request)
  if (idempotencyKey === null) {
    return sql`
      select outcome, seq, event_id
      from reconciler.append(
        ${type}, ${subject}::text, ${payload}::text::jsonb, ${traceparent}, ${causationId}::uuid,
        ${backfill}::boolean)`
  }
  return sql`
    select outcome, seq, event_id
    from reconciler.append_once(
      ${idempotencyKey}, ${type}, ${subject}::text, ${payload}::text::jsonb, ${traceparent}, ${causationId}::uuid,
      ${backfill}::boolean)`
}

function appendManyStatement(requests: readonly AppendRequest[]): SQL {
  return sql`
    select outcome, seq, event_id
    from reconciler.append_many(${batchArgument(requests)}::text::jsonb) order by ordinal`
}

function rowsOf(answer: unknown): readonly Record<string, unknown>[] {
  if (Array.isArray(answer)) return answer
  return (answer as { rows: readonly Record<string, unknown>[] }).rows
}
