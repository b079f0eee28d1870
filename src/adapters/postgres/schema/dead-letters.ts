import { sql } from "drizzle-orm"
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core"
import { bytea, reconciler } from "./event-log.ts"

const moment = (name: string) => timestamp(name, { withTimezone: true }).notNull().default(sql`now()`)

/** Reason code, ids and field names only: a dead letter outlives the payload it was made from and is read by operators. */
export const deadLetters = reconciler.table(
  "dead_letters",
  {
    id: bigint("id", { mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    source: text("source").notNull(),
    reason: text("reason").notNull(),
    eventId: uuid("event_id"),
    position: bigint("position", { mode: "bigint" }),
    type: text("type"),
    subject: bytea("subject"),
    topic: text("topic"),
    partition: integer("partition"),
    offset: bigint("offset", { mode: "bigint" }),
    /** The app's row that capture could not understand. */
    appTable: text("app_table"),
    appRowId: bigint("app_row_id", { mode: "bigint" }),
    fields: text("fields").array().notNull().default(sql`'{}'`),
    createdAt: moment("created_at"),
    /** open → requeued → resolved, or open again; or discarded. */
    state: text("state").notNull().default("open"),
    /** How often it failed. */
    attempts: integer("attempts").notNull().default(1),
    /** While it is open or requeued, later events of its subject are set aside by the same source. */
    blocksSubject: boolean("blocks_subject").notNull().default(false),
    changedAt: moment("changed_at"),
    discardedBy: text("discarded_by"),
    discardReason: text("discard_reason"),
    /** The state that the dead-letters topic was told last. */
    announced: text("announced"),
  },
  table => [
    // Both make a redelivery harmless: the same message again, or the same event sent twice.
    uniqueIndex("dead_letters_message")
      .on(table.source, table.topic, table.partition, table.offset)
      .where(sql`${table.offset} is not null`),
    uniqueIndex("dead_letters_event")
      .on(table.source, table.eventId)
      .where(sql`${table.eventId} is not null`),
    uniqueIndex("dead_letters_app_row")
      .on(table.source, table.appTable, table.appRowId)
      .where(sql`${table.appRowId} is not null`),
    index("dead_letters_event_id").on(table.eventId),
    // Asked with every batch of a consumer: as small as what is not settled.
    index("dead_letters_unsettled")
      .on(table.source, table.subject, table.position)
      .where(sql`${table.state} in ('open', 'requeued')`),
    index("dead_letters_unannounced")
      .on(table.id)
      .where(sql`${table.announced} is distinct from ${table.state}`),
    check("dead_letters_state", sql`${table.state} in ('open', 'requeued', 'resolved', 'discarded')`),
    check("dead_letters_attempts", sql`${table.attempts} > 0`),
    check(
      "dead_letters_discarded",
      sql`(${table.state} = 'discarded') = (${table.discardedBy} is not null and ${table.discardReason} is not null)`,
    ),
    check(
      "dead_letters_block_has_order",
      sql`not ${table.blocksSubject} or (${table.eventId} is not null and ${table.position} is not null and ${table.subject} is not null)`,
    ),
  ],
)
