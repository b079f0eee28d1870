import type { Clock } from "../runtime/clock.ts"
import type { Stage } from "../runtime/ticker.ts"
import type { ReadModel } from "./ports.ts"

export interface TtlOptions {
  readonly readModel: Pick<ReadModel, "expireDue">
  readonly clock: Clock
  /** Blocks a pass. */
  readonly batchSize: number
}

export interface Ttl extends Stage {
  /** For the ticker: waits `ms`, or less if a timer runs out before that. */
  waitForWork(ms: number, signal: AbortSignal): Promise<void>
}

/**
 * Ends blocks on time. All timers are rows; what is remembered here only shortens a wait, so a restart, a second
 * process or a block confirmed meanwhile changes nothing but the wait.
 */
export function createTtl({ readModel, clock, batchSize }: TtlOptions): Ttl {
  let nextDueInMs: number | null = null
  return {
    name: "ttl",
    async tick() {
      const pass = await readModel.expireDue(batchSize)
      nextDueInMs = pass.nextDueInMs
      return pass.expired
    },
    waitForWork: (ms, signal) => clock.sleep(Math.min(ms, nextDueInMs ?? ms), signal),
  }
}
