import { systemClock } from "../../src/runtime/clock.ts"
import { createInMemoryRelayCursor } from "../support/twins/relay-cursor.ts"
import { relayCursorConformance } from "./relay-cursor.ts"

relayCursorConformance("in memory", async () => {
  const { cursor, setAside } = createInMemoryRelayCursor(systemClock)
  return {
    cursor,
    setAside: async () => setAside().map(({ event, reason }) => ({ eventId: event.eventId, reason })),
    close: async () => undefined,
  }
})
