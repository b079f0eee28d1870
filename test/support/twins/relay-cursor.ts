import type { RelayCursor, SetAside } from "../../../src/relay/ports.ts"
import type { Clock } from "../../../src/runtime/clock.ts"

export interface InMemoryRelayCursor {
  readonly cursor: RelayCursor
  position(): bigint
  setAside(): readonly SetAside[]
  /** As a database does that fails over to an older state. */
  goBackTo(position: bigint): void
}

export function createInMemoryRelayCursor(clock: Pick<Clock, "nowMs">): InMemoryRelayCursor {
  const letters = new Map<string, SetAside>()
  let position = 0n
  let epoch = 0n
  let lease: { readonly holder: string; readonly untilMs: number } | null = null

  return {
    position: () => position,
    setAside: () => [...letters.values()],
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
        for (const letter of setAside) letters.set(letter.event.eventId, letter)
        return true
      },
      async release(byEpoch) {
        if (byEpoch === epoch) lease = null
      },
    },
  }
}
