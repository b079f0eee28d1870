import { sql } from "drizzle-orm"
import { boolean, check, text, timestamp } from "drizzle-orm/pg-core"
import { bytea, reconciler } from "./event-log.ts"

/**
 * One row, once capture is installed: how the triggers make subjects. The pads are the key's, as HMAC uses it (RFC 2104):
 * who reads them can make every subject, so no role has any right here. The triggers read it with their owner's rights.
 */
export const captureSettings = reconciler.table(
  "capture_settings",
  {
    singleton: boolean().primaryKey().default(true),
    hashing: text().notNull(),
    /** Which of a patient's two keys in the old contracts is used, where subjects are as stored. */
    patientKey: text("patient_key"),
    innerPad: bytea("inner_pad"),
    outerPad: bytea("outer_pad"),
    installedAt: timestamp("installed_at", { withTimezone: true }).notNull().default(sql`clock_timestamp()`),
  },
  table => [
    check("capture_settings_one_row", sql`${table.singleton}`),
    check(
      "capture_settings_hashing",
      sql`case ${table.hashing}
        when 'hmac' then octet_length(${table.innerPad}) = 64 and octet_length(${table.outerPad}) = 64 and ${table.patientKey} is null
        when 'as-stored' then ${table.patientKey} in ('view', 'sync') and ${table.innerPad} is null and ${table.outerPad} is null
        else false end`,
    ),
  ],
)
