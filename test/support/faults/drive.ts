import type { LaneWriter } from "../../../src/chain-writer/writer.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { runTicker } from "../../../src/runtime/ticker.ts"
import { anySubject, blockRequested, event, unblockRequested } from "../event-builders.ts"

/** Requests as they come in practice: new subjects, and several operations of one. */
export function anyRequests(subjects: number): EventRecord[] {
  return Array.from({ length: subjects }, (_, n): EventRecord[] => {
    const subject = anySubject()
    if (n % 3 === 0) return [blockRequested(subject, 3_600), unblockRequested(subject)]
    if (n % 3 === 1) return [event("add-attack-signature.requested", subject, { severity: 3 })]
    return [event("register-patient.requested", subject)]
  }).flat()
}

/** Runs writers as the service does, errors and all, until `done`; then ends them and gives their leases back. */
export async function drive(writers: readonly LaneWriter[], done: () => Promise<unknown>): Promise<void> {
  const stop = new AbortController()
  const options = {
    clock: systemClock,
    logger: silentLogger,
    idleMs: 20,
    maxBackoffMs: 200,
    signal: stop.signal,
  }
  const running = writers.map(writer => runTicker(writer, options))
  try {
    await done()
  } finally {
    stop.abort()
    await Promise.all(running)
    await Promise.all(writers.map(writer => writer.release()))
  }
}
