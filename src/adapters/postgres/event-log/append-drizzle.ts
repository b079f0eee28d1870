import { type SQL, sql } from "drizzle-orm"
import { createAppender } from "../../../outbox/append.ts"
import type { EventLog } from "../../../outbox/ports.ts"
import { appendArguments, appendError, appendResult } from "./append-row.ts"

/** A drizzle transaction over any driver: postgres.js answers with rows, node-postgres with an object that has them. */
export interface DrizzleTransaction {
  execute(query: SQL): PromiseLike<unknown>
}

/** The log in a drizzle transaction. */
export const drizzleEventLog: EventLog<DrizzleTransaction> = {
  async append(tx, event) {
    const { type, subject, payload, traceparent, causationId } = appendArguments(event)
    try {
      const answer = await tx.execute(sql`
        select outcome, seq, event_id
        from reconciler.append(
          ${type}, ${subject}::text, ${payload}::text::jsonb, ${traceparent}, ${causationId}::uuid)`)
      return appendResult(rowsOf(answer)[0])
    } catch (error) {
      throw appendError(error)
    }
  },
}

/** `append(tx, event)` and `appendMany(tx, events)` for a drizzle transaction. */
export const { append, appendMany } = createAppender(drizzleEventLog)

function rowsOf(answer: unknown): readonly Record<string, unknown>[] {
  if (Array.isArray(answer)) return answer
  return (answer as { rows: readonly Record<string, unknown>[] }).rows
}
