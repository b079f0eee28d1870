import type { LoggedEvent } from "../domain/event.ts"
import type { Position } from "../domain/position.ts"
import type { Clock } from "../runtime/clock.ts"
import type { EventSource } from "./ports.ts"

/** Between two looks. */
const LOOK_AGAIN_MS = 1
/** Between two while a send takes long. */
const LONGEST_PAUSE_MS = 16
/** Events a second from which on each send and each look is to carry more: they take from the writers' processors. */
const BUSY_A_SECOND = 2_000
const RATE_OVER_MS = 100
/** Between two sends then. */
const BUSY_PAUSE_MS = 4

export interface ReadAhead {
  /**
   * Reads what comes above `after` while `sending`, the send of `sent` events, is under way: it is sent right behind it,
   * and the older a look, the sooner what it saw is safe. Rejects if a read does.
   */
  during(sending: Promise<unknown>, sent: number, after: Position): Promise<readonly LoggedEvent[]>
}

export function createReadAhead(options: {
  readonly source: Pick<EventSource, "readSafe">
  readonly clock: Clock
  /** Events at a time. */
  readonly limit: number
}): ReadAhead {
  const { source, clock, limit } = options
  const { signal } = new AbortController()
  let window = { sinceMs: clock.nowMs(), events: 0 }
  let aSecond = 0

  function count(events: number): void {
    const tookMs = clock.nowMs() - window.sinceMs
    window = { ...window, events: window.events + events }
    if (tookMs < RATE_OVER_MS) return
    aSecond = (window.events * 1000) / tookMs
    window = { sinceMs: clock.nowMs(), events: 0 }
  }

  async function whileSending(sending: Promise<unknown>, after: Position): Promise<readonly LoggedEvent[]> {
    const sent = new AbortController()
    const end = () => sent.abort()
    sending.then(end, end)
    let events = await source.readSafe(after, limit)
    for (let pauseMs = LOOK_AGAIN_MS; !sent.signal.aborted && events.length < limit; ) {
      await clock.sleep(pauseMs, sent.signal)
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
      if (!sent.signal.aborted) events = await readOn(events, after)
    }
    return events
  }

  /** Two looks, the second for what the first one saw: any more would only find it in smaller pieces. */
  async function afterPause(sending: Promise<unknown>, after: Position): Promise<readonly LoggedEvent[]> {
    await Promise.allSettled([sending, clock.sleep(BUSY_PAUSE_MS, signal)])
    const events = await source.readSafe(after, limit)
    if (events.length >= limit) return events
    await clock.sleep(LOOK_AGAIN_MS, signal)
    return readOn(events, after)
  }

  async function readOn(events: readonly LoggedEvent[], after: Position): Promise<readonly LoggedEvent[]> {
    const more = await source.readSafe(events.at(-1)?.position ?? after, limit - events.length)
    return more.length > 0 ? [...events, ...more] : events
  }

  return {
    during(sending, sent, after) {
      count(sent)
      const isBacklog = sent * 2 > limit
      return aSecond >= BUSY_A_SECOND && !isBacklog
        ? afterPause(sending, after)
        : whileSending(sending, after)
    },
  }
}
