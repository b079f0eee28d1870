import { sql } from "drizzle-orm"
import { bigint, boolean, index, integer, text, timestamp, uuid } from "drizzle-orm/pg-core"
import { bytea, reconciler } from "./event-log.ts"

const seq = (name: string) => bigint(name, { mode: "bigint" })
const moment = (name: string) => timestamp(name, { withTimezone: true })

/**
 * The read model: one row an operation, made from events only. Named by position, because every event that tells of
 * an operation has that, also one that arrives before the request. Four groups of columns, each written by one kind of
 * event; all but the position and the subject can be null, so that no order of arrival is refused.
 */
export const operationViews = reconciler.table(
  "operation_views",
  {
    position: seq("position").primaryKey(),
    subject: bytea("subject").notNull(),

    eventId: uuid("event_id"),
    kind: text("kind"),
    requestedAt: moment("requested_at"),
    traceparent: text("traceparent"),
    expiresAt: moment("expires_at"),
    manual: boolean("manual"),

    resultSeq: seq("result_seq"),
    result: text("result"),
    outcome: text("outcome"),
    reason: text("reason"),
    transactionHash: bytea("transaction_hash"),
    blockNumber: seq("block_number"),
    resultedAt: moment("resulted_at"),

    expiredSeq: seq("expired_seq"),
    expiredEventId: uuid("expired_event_id"),
    expiredAt: moment("expired_at"),

    removedSeq: seq("removed_seq"),
    removedRows: integer("removed_rows"),
    removedAt: moment("removed_at"),

    // Written by the timers only: a newer operation took this block's place, so its expiry means nothing any more.
    timerVoid: boolean("timer_void").notNull().default(false),
  },
  table => [
    index("operation_views_event_id").on(table.eventId),
    index("operation_views_subject").on(table.subject, table.position),
    // Only blocks with a running timer are in it, so that a pass costs what is due and not what has been.
    index("operation_views_timers")
      .on(table.expiresAt)
      .where(
        sql`${table.result} = 'confirmed' and ${table.expiresAt} is not null and ${table.expiredSeq} is null and not ${table.timerVoid}`,
      ),
    // Expired blocks whose rows are still in the app's table.
    index("operation_views_awaiting_removal")
      .on(table.position)
      .where(sql`${table.expiredSeq} is not null and ${table.removedSeq} is null`),
    index("operation_views_waiting").on(table.requestedAt).where(sql`${table.result} is null`),
  ],
)
