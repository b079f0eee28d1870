import { createDeadLetters } from "../../src/adapters/postgres/dead-letters/dead-letters.ts"
import { insertDeadLetter, insertMalformed } from "../../src/adapters/postgres/dead-letters/insert.ts"
import { createTestDatabase } from "../support/database.ts"
import { deadLettersConformance } from "./dead-letters.ts"

deadLettersConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    deadLetters: createDeadLetters(sql),
    insert: letter => insertDeadLetter(sql, letter),
    insertMalformed: (source, malformed) => insertMalformed(sql, source, malformed),
    close: drop,
  }
})
