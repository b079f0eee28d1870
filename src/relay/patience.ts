import type { Clock } from "../runtime/clock.ts"
import type { LogNews } from "./ports.ts"

/** More is likely to come: looked for often. */
const ACTIVE_MS = 250
const ACTIVE_WAIT_MS = 1
/** Something has been on its way for longer than that, and nobody tells when its transaction ends. */
const UNQUIET_WAIT_MS = 20
/** Bounds the statements of an idle relay that nobody wakes; also how late it can be. */
const POLL_WAIT_MS = 1_000
/** With news: only what a writer told nobody about, straight into a partition, waits so long. */
const NEWS_WAIT_MS = 2_000
/** How long writers go on telling a relay that died. */
const ASK_FOR_MS = 3_000
/** Who cannot tell is not asked at every wait. */
const ASK_AGAIN_MS = 60_000

/** How long a relay waits between two passes. */
export interface Patience {
  /** A pass did something. */
  worked(): void
  wait(signal: AbortSignal): Promise<void>
}

export function createPatience(options: {
  readonly clock: Clock
  readonly isQuiet: () => boolean
  readonly news?: LogNews
}): Patience {
  const { clock, news } = options
  let activeUntilMs = 0
  let wasQuiet = true
  /** When the writers were last asked; null when they are not. */
  let askedAtMs: number | null = null
  let cannotTellUntilMs = 0

  async function waitForNews(told: LogNews, signal: AbortSignal): Promise<void> {
    const isFirst = askedAtMs === null
    askedAtMs = clock.nowMs()
    if (!(await told.ask(ASK_FOR_MS))) {
      askedAtMs = null
      cannotTellUntilMs = clock.nowMs() + ASK_AGAIN_MS
      return clock.sleep(POLL_WAIT_MS, signal)
    }
    // Whoever wrote just before they were asked tells nobody: another look before the first long wait.
    if (!isFirst) await told.wait(NEWS_WAIT_MS, signal)
  }

  return {
    worked() {
      activeUntilMs = clock.nowMs() + ACTIVE_MS
    },
    async wait(signal) {
      const isQuiet = options.isQuiet()
      // Most transactions are over soon.
      if (wasQuiet && !isQuiet) activeUntilMs = clock.nowMs() + ACTIVE_MS
      wasQuiet = isQuiet
      const isActive = clock.nowMs() < activeUntilMs
      if (isActive && askedAtMs !== null) {
        askedAtMs = null
        await news?.stopAsking()
      }
      if (isActive) return clock.sleep(ACTIVE_WAIT_MS, signal)
      if (!isQuiet) return clock.sleep(UNQUIET_WAIT_MS, signal)
      return news && clock.nowMs() >= cannotTellUntilMs
        ? waitForNews(news, signal)
        : clock.sleep(POLL_WAIT_MS, signal)
    },
  }
}
