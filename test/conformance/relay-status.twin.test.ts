import { systemClock } from "../../src/runtime/clock.ts"
import { createInMemoryRelayStatus } from "../support/twins/relay-status.ts"
import { relayStatusConformance } from "./relay-status.ts"

relayStatusConformance("in memory", async () => {
  const { status, append, publish } = createInMemoryRelayStatus(systemClock)
  let [events, letters] = [0, 0]
  return {
    status,
    sources: {
      async relay() {
        const { waiting, oldestAgeMs } = await status.waiting()
        return { done: events - waiting, waiting, oldestAgeMs }
      },
      deadLetters: async () => letters,
    },
    async append(count) {
      events += count
      append(count)
    },
    publish: async count => publish(count),
    async setAside() {
      letters += 1
    },
    close: async () => undefined,
  }
})
