import { sql } from "drizzle-orm"
import { bigint, index, primaryKey, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core"
import { bytea, reconciler } from "./event-log.ts"

/**
 * Which row of the app's tables a subject stands for, and the row's newest operation. By row id only: no name, no
 * address. The app writes it with `reconciler.link_row` in the transaction that appends the operation.
 */
export const appRows = reconciler.table(
  "app_rows",
  {
    tableName: text("table_name").notNull(),
    subject: bytea("subject").notNull(),
    rowId: bigint("row_id", { mode: "bigint" }).notNull(),
    seq: bigint("seq", { mode: "bigint" }).notNull(),
  },
  table => [
    primaryKey({ columns: [table.tableName, table.subject] }),
    index("app_rows_row").on(table.tableName, table.rowId),
  ],
)

/**
 * What is still to be written into the app's tables. The consumer only fills it, so that a row the app holds locked
 * keeps neither Kafka nor other rows waiting. Flags leave when written (writing them again changes nothing); removals
 * stay, marked done: they are what keeps `ip-block.removed` from being told twice.
 */
export const writeBacks = reconciler.table(
  "write_backs",
  {
    /** Position of the operation that came out: for a removal the expiry's own, or the block's if it never stood. */
    operationPosition: bigint("operation_position", { mode: "bigint" }).primaryKey(),
    operationId: uuid("operation_id").notNull(),
    tableName: text("table_name").notNull(),
    subject: bytea("subject").notNull(),
    action: text("action").notNull(),
    transactionHash: bytea("transaction_hash"),
    blockVersion: bigint("block_version", { mode: "bigint" }),
    traceparent: text("traceparent"),
    dueAt: timestamp("due_at", { withTimezone: true }).notNull().default(sql`now()`),
    doneAt: timestamp("done_at", { withTimezone: true }),
  },
  table => [
    uniqueIndex("write_backs_block_version")
      .on(table.blockVersion)
      .where(sql`${table.blockVersion} is not null`),
    index("write_backs_due").on(table.dueAt).where(sql`${table.doneAt} is null`),
  ],
)
