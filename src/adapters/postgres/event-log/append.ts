import { createAppender } from "../../../outbox/append.ts"
import type { EventLog } from "../../../outbox/ports.ts"
import type { AnySql } from "../client.ts"
import { appendArguments, appendError, appendResult } from "./append-row.ts"

/** The log in a postgres.js transaction. */
export const postgresEventLog: EventLog<AnySql> = {
  async append(tx, event) {
    const { type, subject, payload, traceparent, causationId } = appendArguments(event)
    try {
      const [row] = await tx`
        select outcome, seq, event_id
        from reconciler.append(
          ${type}, ${subject}::text, ${payload}::text::jsonb, ${traceparent}, ${causationId}::uuid)`
      return appendResult(row)
    } catch (error) {
      throw appendError(error)
    }
  },
}

/** `append(tx, event)` and `appendMany(tx, events)` for a postgres.js transaction. */
export const { append, appendMany } = createAppender(postgresEventLog)
