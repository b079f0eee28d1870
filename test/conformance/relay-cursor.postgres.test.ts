import { createPostgresRelayCursor } from "../../src/adapters/postgres/relay/cursor.ts"
import { createTestDatabase } from "../support/database.ts"
import { relayCursorConformance } from "./relay-cursor.ts"

relayCursorConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    cursor: createPostgresRelayCursor(sql),
    async setAside() {
      const rows = await sql<{ eventId: string; reason: string }[]>`
        select event_id as "eventId", reason from reconciler.dead_letters where source = 'relay' order by id`
      return rows.map(({ eventId, reason }) => ({ eventId, reason }))
    },
    close: drop,
  }
})
