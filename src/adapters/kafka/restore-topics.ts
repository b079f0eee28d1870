import type { EventPublisher } from "../../relay/ports.ts"
import { flatten } from "./connection-fault.ts"

/** What a broker answers that does not know a topic, by its name or by the id that it had. */
const UNKNOWN = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID"])

/**
 * Makes topics anew that are gone under a running publisher, before the send is tried again by whoever calls. A broker
 * that has just started may not know a topic yet: `restore` looks for itself.
 */
export function restoringTopics(publisher: EventPublisher, restore: () => Promise<unknown>): EventPublisher {
  return {
    async publish(messages) {
      try {
        return await publisher.publish(messages)
      } catch (error) {
        if (isUnknownTopic(error)) await restore()
        throw error
      }
    },
    close: () => publisher.close(),
  }
}

/** Clients put the broker's answer into a cause or among several errors. */
function isUnknownTopic(error: unknown): boolean {
  return flatten(error).some(one => ["type", "apiId"].some(name => UNKNOWN.has(Reflect.get(one, name))))
}
