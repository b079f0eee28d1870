import type { KafkaSettings } from "../../../src/adapters/kafka/settings.ts"
import { parseMessage } from "../../../src/bus/envelope.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { readAll } from "../kafka.ts"

/** Subject and position of every message there is, in order within a partition. */
export async function consumePositions(brokers: readonly string[], topics: readonly string[]) {
  const settings: KafkaSettings = { brokers, clientId: "audit", logger: silentLogger }
  const messages = await readAll(topics, settings)
  return messages.map(message => {
    const parsed = parseMessage(message)
    if (!parsed.ok) throw new Error(parsed.reason)
    return { subject: parsed.event.subject, position: parsed.event.position }
  })
}
