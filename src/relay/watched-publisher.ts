import type { BusFindings } from "../bus/findings.ts"
import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { EventPublisher } from "./ports.ts"

const ABOUT = "relay"
/** One failed send is no outage: an answer that is lost, a leader that moves. */
const FAILURES = 2

/** Keeps a finding open while nothing can be sent. Whether it can be kept does not matter to the sending. */
export function watchPublisher(options: {
  readonly publisher: EventPublisher
  readonly findings: BusFindings
  readonly clock: Clock
  readonly logger: Logger
}): EventPublisher {
  const { publisher, findings, clock, logger } = options
  let failures = 0
  let failingSinceMs = 0
  /** At first too: of a process that ended in an outage. */
  let mayBeOpen = true

  const quietly = (keeping: Promise<void>) =>
    keeping.catch(err => logger.debug({ err }, "a finding about Kafka cannot be kept now"))

  async function failed(): Promise<void> {
    if (failures === 0) failingSinceMs = clock.nowMs()
    failures += 1
    if (failures < FAILURES) return
    mayBeOpen = true
    await quietly(findings.open("kafka-unreachable", ABOUT, clock.nowMs() - failingSinceMs))
  }

  async function answered(): Promise<void> {
    failures = 0
    if (!mayBeOpen) return
    await quietly(
      findings.close("kafka-unreachable", ABOUT).then(() => {
        mayBeOpen = false
      }),
    )
  }

  return {
    async publish(messages) {
      try {
        const outcome = await publisher.publish(messages)
        await answered()
        return outcome
      } catch (error) {
        await failed()
        throw error
      }
    },
    close: () => publisher.close(),
  }
}
