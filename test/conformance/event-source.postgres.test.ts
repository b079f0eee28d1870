import { closeDatabase, openDatabase } from "../../src/adapters/postgres/client.ts"
import { createPostgresEventSource } from "../../src/adapters/postgres/relay/event-source.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { createTestDatabase } from "../support/database.ts"
import { beginWriter } from "../support/outbox-writer.ts"
import { eventSourceConformance } from "./event-source.ts"

eventSourceConformance("postgres", async () => {
  const database = await createTestDatabase()
  const sql = openDatabase({ url: database.url, max: 1, applicationName: "test-event-source" })
  return {
    source: createPostgresEventSource({ sql, clock: systemClock }),
    begin: () => beginWriter(database.sql),
    async close() {
      await closeDatabase(sql)
      await database.drop()
    },
  }
})
