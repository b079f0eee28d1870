import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { createReadModel } from "../../src/adapters/postgres/projector/read-model.ts"
import { createTestDatabase } from "../support/database.ts"
import { readLogAbout } from "../support/read-log.ts"
import { readOperationView } from "../support/read-operation-view.ts"
import { readModelConformance } from "./read-model.ts"

readModelConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    readModel: createReadModel(sql),
    deadLetters: createDeadLetters(sql),
    operation: position => readOperationView(sql, position),
    appendedAbout: subject => readLogAbout(sql, subject),
    close: drop,
  }
})
