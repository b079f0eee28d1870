import { classifyEvent } from "../domain/event.ts"
import type { OperationType } from "../domain/operation.ts"
import { operations } from "../domain/operations/index.ts"

export interface Topics {
  readonly patient: string
  readonly "ip-block": string
  readonly "attack-signature": string
  readonly results: string
  readonly deadLetters: string
}

export function topicsWithPrefix(prefix: string): Topics {
  return {
    patient: `${prefix}.patient`,
    "ip-block": `${prefix}.ip-block`,
    "attack-signature": `${prefix}.attack-signature`,
    results: `${prefix}.results`,
    deadLetters: `${prefix}.dead-letters`,
  }
}

export function requestTopics(topics: Topics): readonly string[] {
  return [topics.patient, topics["ip-block"], topics["attack-signature"]]
}

export const answerCacheGroup = (prefix: string): string => `${prefix}.answer-cache`

/** What each consumer group reads, by group id. */
export function consumedTopics(
  prefix: string,
  used: { readonly answerCache: boolean },
): Readonly<Record<string, readonly string[]>> {
  const topics = topicsWithPrefix(prefix)
  return {
    [`${prefix}.chain-writer`]: requestTopics(topics),
    [`${prefix}.projector`]: [...requestTopics(topics), topics.results],
    [`${prefix}.write-back`]: [topics.results],
    ...(used.answerCache && { [answerCacheGroup(prefix)]: [topics.results] }),
  }
}

export function allTopics(topics: Topics): readonly string[] {
  return [...requestTopics(topics), topics.results, topics.deadLetters]
}

/**
 * Where an event goes. All that changes one subject goes through one topic, block-expired events included:
 * Kafka keeps order within a partition only. Undefined for an unknown type.
 */
export function topicOf(topics: Topics, eventType: string): string | undefined {
  const found = classifyEvent(eventType)
  if (!found) return undefined
  if (found.class !== "request") return topics.results
  const type: OperationType = operations[found.kind].type
  return topics[type]
}
