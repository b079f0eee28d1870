import { createInMemoryEventLog } from "../support/twins/event-log.ts"
import { eventLogConformance } from "./event-log.ts"

eventLogConformance("in memory", async () => {
  const twin = createInMemoryEventLog()
  return {
    log: twin.log,
    transaction: twin.transaction,
    committed: async () =>
      twin.committed().map(({ event: { type, subject, payload } }) => ({ type, subject, payload })),
    marks: async given =>
      twin
        .committed()
        .filter(({ event }) => event.subject === given)
        .map(({ event }) => event.backfill === true),
    close: async () => {},
  }
})
