import type { RelayStatus } from "../../../src/relay/ports.ts"
import type { Clock } from "../../../src/runtime/clock.ts"

/** The log as a list of times, and how many of them were published. */
export function createInMemoryRelayStatus(clock: Pick<Clock, "nowMs">) {
  const appendedAtMs: number[] = []
  let published = 0
  const status: RelayStatus = {
    async waiting() {
      const waiting = appendedAtMs.slice(published)
      const [oldest] = waiting
      return { waiting: waiting.length, oldestAgeMs: oldest === undefined ? null : clock.nowMs() - oldest }
    },
  }
  return {
    status,
    append: (count: number) => {
      for (let n = 0; n < count; n += 1) appendedAtMs.push(clock.nowMs())
    },
    publish: (count: number) => {
      published += count
    },
  }
}
