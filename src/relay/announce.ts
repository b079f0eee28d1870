import type { OutgoingMessage } from "../bus/message.ts"
import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Announcement, EventPublisher, RelayLetters } from "./ports.ts"

const LETTERS_A_SEND = 500
const AGAIN_AFTER_FAILURE_MS = 60_000

/**
 * Tells the dead-letters topic of each letter's latest state, at least once. It never fails: a topic that cannot be
 * written to must not hold up the events.
 */
export function createAnnouncer(options: {
  readonly letters: Pick<RelayLetters, "unannounced" | "markAnnounced">
  readonly publisher: EventPublisher
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
}): () => Promise<void> {
  const { letters, publisher, topic, clock, logger } = options
  let notBeforeMs = 0
  return async () => {
    if (clock.nowMs() < notBeforeMs) return
    const news = await letters.unannounced(LETTERS_A_SEND)
    if (news.length === 0) return
    try {
      const answer = await publisher.publish(news.map(letter => toAnnouncement(letter, topic)))
      if (answer.outcome === "refused") throw new Error(`refused: ${answer.reason}`)
    } catch (error) {
      notBeforeMs = clock.nowMs() + AGAIN_AFTER_FAILURE_MS
      logger.warn({ topic, err: error }, "dead letters could not be announced, will try again")
      return
    }
    await letters.markAnnounced(news)
  }
}

function toAnnouncement(letter: Announcement, topic: string): OutgoingMessage {
  const id = letter.letterId.toString()
  return {
    topic,
    key: letter.subject ?? `dead-letter-${id}`,
    value: JSON.stringify(letter.data),
    headers: {
      "content-type": "application/json",
      ce_specversion: "1.0",
      ce_id: `dead-letter-${id}-${letter.state}-${letter.changedAtMs}`,
      ce_source: "/caregrid/reconciler",
      ce_type: `caregrid.dead-letter.${letter.state}`,
      ce_time: new Date(letter.changedAtMs).toISOString(),
    },
  }
}
