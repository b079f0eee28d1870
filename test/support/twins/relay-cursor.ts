import type { RelayCursor, SetAside } from "../../../src/relay/ports.ts"
import type { Clock } from "../../../src/runtime/clock.ts"
import { createInMemoryDeadLetters, type InMemoryDeadLetters } from "./dead-letters.ts"

export interface InMemoryRelayCursor {
  readonly cursor: RelayCursor
  position(): bigint
  setAside(): readonly SetAside[]
  isNewest(epoch: bigint): boolean
  /** As a database does that fails over to an older state. */
  goBackTo(position: bigint): void
}

/** With `store` what is set aside is kept there, as the database does. */
export function createInMemoryRelayCursor(
  clock: Pick<Clock, "nowMs">,
  store: InMemoryDeadLetters = createInMemoryDeadLetters(),
): InMemoryRelayCursor {
  const letters = new Map<string, SetAside>()
  let position = 0n
  let epoch = 0n
  let lease: { readonly holder: string; readonly untilMs: number } | null = null

  return {
    position: () => position,
    setAside: () => [...letters.values()],
    isNewest: byEpoch => byEpoch === epoch && lease !== null,
    goBackTo(older) {
      position = older
    },
    cursor: {
      async acquire(holder, leaseMs) {
        const isFree = !lease || lease.untilMs < clock.nowMs()
        if (!isFree && lease?.holder !== holder) return null
        if (lease?.holder !== holder) epoch += 1n
        lease = { holder, untilMs: clock.nowMs() + leaseMs }
        return { epoch, position }
      },
      async advance(byEpoch, to, setAside = []) {
        if (byEpoch !== epoch || !lease || to < position) return false
        position = to
        for (const letter of setAside) {
          letters.set(letter.event.eventId, letter)
          const { event, reason, blocksSubject } = letter
          const { eventId, position: at, type, subject } = event
          store.insert({ source: "relay", reason, eventId, position: at, type, subject, blocksSubject })
        }
        return true
      },
      async release(byEpoch) {
        if (byEpoch === epoch) lease = null
      },
    },
  }
}
