import { systemClock } from "../../src/runtime/clock.ts"
import { createInMemoryDeadLetters } from "../support/twins/dead-letters.ts"
import { createInMemoryEventSource } from "../support/twins/event-source.ts"
import { createInMemoryRelayCursor } from "../support/twins/relay-cursor.ts"
import { createInMemoryRelayLetters } from "../support/twins/relay-letters.ts"
import { relayLettersConformance } from "./relay-letters.ts"

relayLettersConformance("in memory", async () => {
  const store = createInMemoryDeadLetters()
  const log = createInMemoryEventSource()
  const cursor = createInMemoryRelayCursor(systemClock, store)
  const lease = await cursor.cursor.acquire("a", 60_000)
  return {
    letters: createInMemoryRelayLetters(store, { eventAt: log.eventAt, isNewest: cursor.isNewest }),
    epoch: lease?.epoch ?? 0n,
    append: async (...events) => log.append(...events),
    insert: async letter => store.insert(letter),
    async mark({ eventId }, state) {
      for (const row of store.rows) if (row.eventId === eventId) row.state = state
    },
    states: async () => store.rows.map(({ state, attempts, reason }) => [state, attempts, reason] as const),
    close: async () => {},
  }
})
