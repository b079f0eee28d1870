import { createInMemoryReadModel } from "../support/twins/read-model.ts"
import { readModelConformance } from "./read-model.ts"

readModelConformance("in memory", async () => {
  const twin = createInMemoryReadModel(() => Date.now())
  return {
    readModel: twin.readModel,
    deadLetters: twin.deadLetters,
    operation: async position => twin.operation(position),
    appendedAbout: async subject => twin.appended.filter(event => event.subject === subject),
    close: async () => {},
  }
})
