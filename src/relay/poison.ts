import type { Topics } from "../bus/topics.ts"
import type { LoggedEvent } from "../domain/event.ts"
import type { PoisonPolicy } from "../domain/order.ts"
import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import { createAnnouncer } from "./announce.ts"
import { createHeldBack, type HeldBack } from "./held-back.ts"
import type { EventPublisher, RelayLetters, RequeuedEvent, SetAside, SettledEvent } from "./ports.ts"
import { sendInOrder } from "./send.ts"

export interface PoisonOptions {
  readonly letters: RelayLetters
  readonly policy: PoisonPolicy
  readonly publisher: EventPublisher
  readonly topics: Topics
  readonly clock: Clock
  readonly logger: Logger
  /** Events sent again at a time. */
  readonly batchSize: number
}

/** What a relay knows of events that were set aside. All but `publish` is rare: nothing here is on the way of an event. */
export interface Poison {
  /** Sends what can be sent and may be; gives what is to be set aside. */
  publish(batch: readonly LoggedEvent[]): Promise<readonly SetAside[]>
  /** True when it is time to look whether something is requeued, discarded or to be announced. */
  isDue(): boolean
  /**
   * Sends what is requeued; gives how many events. To be called when all that was set aside is stored, and while nothing
   * is being sent. "lost" when the epoch has passed.
   */
  look(epoch: bigint): Promise<number | "lost">
  /** The next look is at once: the lease was lost, or something failed. */
  forget(): void
}

/** Between two looks; the short one while something is set aside that a person may send back. Bounds an idle relay's statements. */
const LOOK_AFTER_MS = 10_000
const LOOK_SOON_MS = 3_000

export function createPoison(options: PoisonOptions): Poison {
  const { letters, policy, clock, logger } = options
  const announce = createAnnouncer({ ...options, topic: options.topics.deadLetters })
  let held: HeldBack = createHeldBack(policy)
  /** How many of ours are not settled, as far as we know; null when that is to be asked. */
  let unsettled: number | null = null
  let lookAtMs = 0

  async function load(known: number): Promise<void> {
    held = createHeldBack(policy, known > 0 ? await letters.blockedSubjects() : undefined)
    unsettled = known
  }

  async function publish(batch: readonly LoggedEvent[]): Promise<readonly SetAside[]> {
    const aside = await sendInOrder(batch, held, options)
    const failed = aside.filter(({ reason }) => reason !== "subject-blocked").map(({ event }) => event)
    if (failed.length > 0) {
      // The cursor was set back over what a person has discarded: that stays discarded, and holds nothing back.
      const discarded = await letters.discarded(failed.map(({ eventId }) => eventId))
      if (discarded.size > 0) {
        for (const event of failed) if (discarded.has(event.eventId)) held.release(event)
        return publish(batch.filter(({ eventId }) => !discarded.has(eventId)))
      }
    }
    unsettled = (unsettled ?? 0) + aside.length
    return aside
  }

  async function sendAgain(requeued: readonly RequeuedEvent[]): Promise<readonly SettledEvent[]> {
    // Only what fails among these holds back the rest of them.
    const fresh = createHeldBack(policy)
    const gone = requeued.filter(({ event }) => event === null)
    for (const event of gone) fresh.hold(event)
    const events = requeued.flatMap(({ event }) => event ?? [])
    const aside = await sendInOrder(events, fresh, options)
    const failed = new Map(aside.map(({ event, reason }) => [event.position, reason]))
    return requeued.map(({ letterId, position, event }): SettledEvent => {
      const reason = failed.get(position)
      if (event !== null && reason === undefined) return { letterId, state: "resolved" }
      const isOwn = reason !== undefined && reason !== "subject-blocked"
      return { letterId, state: "open", failed: isOwn ? reason : null }
    })
  }

  async function requeue(epoch: bigint): Promise<number | "lost"> {
    const requeued = await letters.requeued(options.batchSize)
    if (requeued.length === 0) return 0
    const settled = await sendAgain(requeued)
    if (!(await letters.settle(epoch, settled, policy))) return "lost"
    const resolved = settled.filter(({ state }) => state === "resolved").length
    logger.info({ resolved, failed: settled.length - resolved }, "requeued events sent")
    return requeued.length
  }

  return {
    publish,
    isDue: () => clock.nowMs() >= lookAtMs,
    async look(epoch) {
      const glance = await letters.glance()
      const sent = glance.requeued ? await requeue(epoch) : 0
      if (sent === "lost") return sent
      const now = sent > 0 ? await letters.glance() : glance
      if (now.unsettled !== unsettled || sent > 0) await load(now.unsettled)
      if (now.unannounced) await announce()
      const isSoon = now.unsettled > 0 || now.unannounced
      lookAtMs = now.requeued && sent > 0 ? 0 : clock.nowMs() + (isSoon ? LOOK_SOON_MS : LOOK_AFTER_MS)
      return sent
    },
    forget() {
      unsettled = null
      lookAtMs = 0
    },
  }
}
