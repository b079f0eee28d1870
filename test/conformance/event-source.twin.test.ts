import { anySubject, unblockRequested } from "../support/event-builders.ts"
import { createInMemoryEventSource } from "../support/twins/event-source.ts"
import { eventSourceConformance } from "./event-source.ts"

eventSourceConformance("in memory", async () => {
  const { source, begin } = createInMemoryEventSource()
  return {
    source,
    async begin() {
      const tx = begin()
      return {
        async append() {
          const event = unblockRequested(anySubject())
          tx.append(event)
          return event.position
        },
        commit: async () => tx.commit(),
        rollback: async () => tx.rollback(),
      }
    },
    close: async () => undefined,
  }
})
