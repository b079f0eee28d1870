import { sql } from "drizzle-orm"
import { bigint, index, integer, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core"
import { bytea, reconciler } from "./event-log.ts"

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
    fields: text("fields").array().notNull().default(sql`'{}'`),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().default(sql`now()`),
  },
  table => [
    // Both make a redelivery harmless: the same message again, or the same event sent twice.
    uniqueIndex("dead_letters_message")
      .on(table.source, table.topic, table.partition, table.offset)
      .where(sql`${table.offset} is not null`),
    uniqueIndex("dead_letters_event")
      .on(table.source, table.eventId)
      .where(sql`${table.eventId} is not null`),
    index("dead_letters_event_id").on(table.eventId),
  ],
)
