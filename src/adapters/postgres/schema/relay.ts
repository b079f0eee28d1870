import { sql } from "drizzle-orm"
import { bigint, check, primaryKey, text, timestamp } from "drizzle-orm/pg-core"
import { reconciler } from "./event-log.ts"

/** One row: how far the log was published, and which relay may publish. Its own table, because it changes all the time. */
export const relayCursor = reconciler.table(
  "relay_cursor",
  {
    name: text("name").primaryKey().default("relay"),
    position: bigint("position", { mode: "bigint" }).notNull().default(sql`0`),
    /** Rises with each change of hands: a relay that lost the lease cannot move the position. */
    epoch: bigint("epoch", { mode: "bigint" }).notNull().default(sql`0`),
    holder: text("holder"),
    leasedUntil: timestamp("leased_until", { withTimezone: true }),
  },
  table => [check("relay_cursor_one_row", sql`${table.name} = 'relay'`)],
)

/** What is wrong with the bus. Those that do not end by themselves are deleted by a person who has looked. */
export const busFindings = reconciler.table(
  "bus_findings",
  {
    finding: text("finding").notNull(),
    about: text("about").notNull(),
    since: timestamp("since", { withTimezone: true }).notNull().default(sql`clock_timestamp()`),
  },
  table => [primaryKey({ columns: [table.finding, table.about] })],
)
