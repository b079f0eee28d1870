import type { ConsumerOptions } from "../bus/run-consumer.ts"
import type { Topics } from "../bus/topics.ts"
import type { EventRecord } from "../domain/event.ts"
import type { AnswerCache, ConsumerOffsets } from "./ports.ts"

/**
 * Has the app ask the chain again about what has changed there. The offset moves after the cache has forgotten, so that
 * a crash between the two forgets twice. While the cache is away its messages wait: it may come back as it was.
 */
export function createAnswerCacheConsumer(options: {
  readonly cache: AnswerCache
  readonly offsets: ConsumerOffsets
  /** Under which keys the app may keep an answer that this event has made old. */
  readonly keysOf: (event: EventRecord) => readonly string[]
  readonly topics: Topics
  readonly groupId: string
}): Pick<ConsumerOptions, "groupId" | "topics" | "offsets" | "handle"> {
  const { cache, offsets, keysOf, topics, groupId } = options
  return {
    groupId,
    topics: [topics.results],
    offsets,
    async handle(batch) {
      const keys = new Set(batch.events.flatMap(event => keysOf(event)))
      if (keys.size > 0) await cache.forget([...keys])
      return offsets.move(batch)
    },
  }
}
