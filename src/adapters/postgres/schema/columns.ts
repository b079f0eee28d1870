import { customType, pgSchema } from "drizzle-orm/pg-core"

/** Everything of ours lives beside the app's tables, in a schema of its own. */
export const reconciler = pgSchema("reconciler")

/** Subjects and hashes. */
export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => "bytea" })
