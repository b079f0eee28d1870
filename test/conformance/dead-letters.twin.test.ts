import { createInMemoryDeadLetters } from "../support/twins/dead-letters.ts"
import { deadLettersConformance } from "./dead-letters.ts"

deadLettersConformance("in memory", async () => {
  const twin = createInMemoryDeadLetters()
  return {
    deadLetters: twin.deadLetters,
    insert: async letter => twin.insert(letter),
    insertMalformed: async (source, malformed) => twin.insertMalformed(source, malformed),
    close: async () => {},
  }
})
