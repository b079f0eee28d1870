import { installCapture } from "../src/adapters/postgres/capture/capture.ts"
import type { SubjectMaking } from "../src/adapters/postgres/capture/subjects.ts"
import { capturedTables } from "../src/adapters/postgres/capture/triggers.ts"
import { startEmbedded } from "../src/embedded/index.ts"
import { createCareGridTables } from "../src/integrations/caregrid/create-tables.ts"
import { systemClock } from "../src/runtime/clock.ts"
import { measureInsertRates } from "./capture/insert-rates.ts"
import { createBenchDatabase } from "./relay/servers.ts"

/**
 * What capture costs the app, one JSON line a measurement:
 *   npm run bench:capture
 * With and without the triggers in the same run, in turns, because a machine is never as fast as a minute ago.
 */
const TARGET_RATIO = 0.85
const WAYS: Readonly<Record<string, SubjectMaking>> = {
  hmac: { hashing: "hmac", key: Buffer.alloc(32, 7) },
  "as-stored": { hashing: "as-stored", patientKey: "view" },
}

const embedded = await startEmbedded({
  services: new Set(["postgres"]),
  onLost: message => {
    throw new Error(message)
  },
})
try {
  for (const [hashing, making] of Object.entries(WAYS)) {
    const database = await createBenchDatabase(
      embedded.databaseUrl ?? "",
      `capture_${hashing.replace("-", "_")}`,
    )
    await createCareGridTables(database.sql)
    await database.sql`insert into core_branch (name, location) values ('North', 'Hill')`
    const context = {
      appSchema: "public",
      tables: capturedTables,
      clock: systemClock,
      signal: AbortSignal.timeout(600_000),
    }
    await installCapture(database.sql, context, making)
    for (const rates of await measureInsertRates(database)) {
      console.log(
        JSON.stringify({ measurement: "app-inserts", hashing, ...rates, targetRatio: TARGET_RATIO }),
      )
    }
    await database.sql.end()
  }
} finally {
  await embedded.stop()
}
