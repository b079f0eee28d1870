import type { Position } from "../domain/position.ts"
import type { Clock } from "../runtime/clock.ts"
import { createWake } from "../runtime/wake.ts"
import type { RelayCursor, SetAside } from "./ports.ts"

/**
 * Each store is a commit that the writers' commits share the disk with. What a crash leaves unstored is sent again: so
 * much of the traffic at most.
 */
const STORE_EVERY_MS = 20

/** Moves the cursor behind the sends: they need not wait for its commit. */
export interface CursorKeeper {
  /** Stored soon, together with what came meanwhile; what a crash leaves unstored is sent again. */
  advance(epoch: bigint, position: Position, setAside: readonly SetAside[]): void
  /** Stores what waits; resolves when all is stored or has failed. */
  settled(): Promise<void>
  /** The last position that was stored since the last `forget`; 0 if none was. */
  stored(): Position
  /** True if an advance was refused since the last `forget`: the lease is another's. */
  wasRefused(): boolean
  /** Throws the error of an advance that failed, once. */
  throwFailure(): void
  /** Drops what is not stored yet, and the refusal. */
  forget(): void
}

interface Advance {
  readonly epoch: bigint
  readonly position: Position
  readonly setAside: readonly SetAside[]
}

export function createCursorKeeper(cursor: Pick<RelayCursor, "advance">, clock: Clock): CursorKeeper {
  const atOnce = createWake(clock)
  const { signal } = new AbortController()
  let settling = false
  let waiting: Advance | null = null
  let storing: Promise<void> | null = null
  let stored: Position = 0n
  let refused = false
  let failure: { readonly error: unknown } | null = null

  /** One at a time: what comes while one is stored is stored with the next. */
  async function store(): Promise<void> {
    while (waiting) {
      const { epoch, position, setAside } = waiting
      waiting = null
      try {
        if (await cursor.advance(epoch, position, setAside)) stored = position
        else refused = true
        if (!settling) await atOnce.wait(STORE_EVERY_MS, signal)
      } catch (error) {
        // Not tried again here: the next pass begins anew, after the pause that a failed pass gets.
        failure = { error }
        waiting = null
      }
    }
    storing = null
  }

  return {
    advance(epoch, position, setAside) {
      // What was not stored must not be stepped over: with it an event that was set aside would be gone.
      if (failure || refused) return
      const before = waiting?.epoch === epoch ? waiting.setAside : []
      waiting = { epoch, position, setAside: [...before, ...setAside] }
      storing ??= store()
    },
    async settled() {
      settling = true
      atOnce.wake()
      await storing
      settling = false
    },
    stored: () => stored,
    wasRefused: () => refused,
    throwFailure() {
      const thrown = failure
      failure = null
      if (thrown) throw thrown.error
    },
    forget() {
      waiting = null
      stored = 0n
      refused = false
      failure = null
    },
  }
}
