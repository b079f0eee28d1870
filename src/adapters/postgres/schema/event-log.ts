import { sql } from "drizzle-orm"
import {
  bigint,
  boolean,
  check,
  customType,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core"

/** Everything of ours lives here, so that it never meets the app's own tables. */
export const reconciler = pgSchema("reconciler")

/** Subjects and hashes, as they are: half the size of their hex. */
export const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" })

/**
 * The event log. The migration partitions it by range of `seq`, one partition a day, and refuses updates and deletes.
 * `seq` must stay the only unique key: a partitioned table can have none without its partition key.
 */
export const outbox = reconciler.table(
  "outbox",
  {
    seq: bigint({ mode: "bigint" }).primaryKey().default(sql`reconciler.next_position()`),
    eventId: uuid("event_id").notNull().default(sql`gen_random_uuid()`),
    type: text().notNull(),
    subject: bytea().notNull(),
    payload: jsonb().notNull(),
    occurredAt: timestamp("occurred_at", { withTimezone: true }).notNull().default(sql`clock_timestamp()`),
    traceparent: text(),
    causationId: uuid("causation_id"),
    /** It can wait: live requests go to the chain before it. */
    backfill: boolean().notNull().default(false),
  },
  table => [
    check("outbox_subject_is_32_bytes", sql`octet_length(${table.subject}) = 32`),
    check("outbox_payload_is_an_object", sql`jsonb_typeof(${table.payload}) = 'object'`),
  ],
)

/** One row: what is true of this database for ever. */
export const settings = reconciler.table(
  "settings",
  {
    singleton: boolean().primaryKey().default(true),
    writerId: integer("writer_id").notNull().default(0),
  },
  table => [
    check("settings_one_row", sql`${table.singleton}`),
    check("settings_writer_id_10_bits", sql`${table.writerId} between 0 and 1023`),
  ],
)

/** What `append` accepts and the rules of its payload, as JSON Schema; `migrate` writes it from the operations. */
export const requestTypes = reconciler.table("request_types", {
  type: text().primaryKey(),
  payloadSchema: jsonb("payload_schema").notNull(),
})

/** Subjects with a manual block: an automatic one must not replace it, and that is decided when it is appended. */
export const manualBlocks = reconciler.table("manual_blocks", {
  subject: bytea().primaryKey(),
  seq: bigint({ mode: "bigint" }).notNull(),
})

/**
 * Answers by idempotency key: a unique key of the log itself could not be, since that is partitioned. Hashes, so that
 * a key is as long as the app likes and is not kept.
 */
export const idempotencyKeys = reconciler.table(
  "idempotency_keys",
  {
    keyHash: bytea("key_hash").primaryKey(),
    /** Of type, subject and payload: the same key with another request is a mistake of the caller. */
    requestHash: bytea("request_hash").notNull(),
    outcome: text().notNull(),
    seq: bigint({ mode: "bigint" }),
    eventId: uuid("event_id"),
    answeredAt: timestamp("answered_at", { withTimezone: true }).notNull().default(sql`clock_timestamp()`),
  },
  table => [
    check(
      "idempotency_keys_event",
      sql`(${table.outcome} = 'appended') = (${table.seq} is not null and ${table.eventId} is not null)`,
    ),
  ],
)

/** Days taken out of the log: which file has them, and its hash. */
export const archives = reconciler.table(
  "archives",
  {
    partition: text().primaryKey(),
    fromSeq: bigint("from_seq", { mode: "bigint" }).notNull(),
    toSeq: bigint("to_seq", { mode: "bigint" }).notNull(),
    file: text().notNull(),
    rows: bigint({ mode: "number" }).notNull(),
    bytes: bigint({ mode: "number" }).notNull(),
    /** Of the compressed file. */
    sha256: text().notNull(),
    archivedAt: timestamp("archived_at", { withTimezone: true }).notNull().default(sql`clock_timestamp()`),
    droppedAt: timestamp("dropped_at", { withTimezone: true }),
    restoredAt: timestamp("restored_at", { withTimezone: true }),
  },
  table => [check("archives_sha256", sql`${table.sha256} ~ '^[0-9a-f]{64}$'`)],
)

/** Where a consumer group continues; written in the transaction that holds the messages' effects. */
export const consumerOffsets = reconciler.table(
  "consumer_offsets",
  {
    consumerGroup: text("consumer_group").notNull(),
    topic: text().notNull(),
    partition: integer().notNull(),
    nextOffset: bigint("next_offset", { mode: "bigint" }).notNull(),
  },
  table => [primaryKey({ columns: [table.consumerGroup, table.topic, table.partition] })],
)
