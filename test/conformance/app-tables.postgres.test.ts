import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { createAppTables } from "../../src/adapters/postgres/write-back/app-tables.ts"
import { createCareGridTables } from "../../src/integrations/caregrid/create-tables.ts"
import { createCareGridApp } from "../support/caregrid-app.ts"
import { createTestDatabase } from "../support/database.ts"
import { readLogAbout, writeToLog } from "../support/read-log.ts"
import { appTablesConformance } from "./app-tables.ts"

for (const schema of ["public", "Care Grid"]) {
  appTablesConformance(`postgres, the app in schema ${schema}`, async () => {
    const { sql, drop } = await createTestDatabase()
    await createCareGridTables(sql, schema)
    return {
      appTables: createAppTables(sql, { appSchema: schema }),
      deadLetters: createDeadLetters(sql),
      app: createCareGridApp(sql, schema),
      writeToLog: event => writeToLog(sql, event),
      logAbout: subject => readLogAbout(sql, subject),
      close: drop,
    }
  })
}
