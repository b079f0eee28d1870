import type { ConsumerOptions } from "../bus/run-consumer.ts"
import { requestTopics, type Topics } from "../bus/topics.ts"
import type { ReadModel } from "./ports.ts"

/** Builds the read model from everything that is told of operations: requests, expiries, results and removals. */
export function createProjector(options: {
  readonly readModel: ReadModel
  readonly topics: Topics
  readonly groupId: string
}): Pick<ConsumerOptions, "groupId" | "topics" | "offsets" | "handle"> {
  const { readModel, topics, groupId } = options
  return {
    groupId,
    topics: [...requestTopics(topics), topics.results],
    offsets: readModel,
    handle: batch => readModel.apply(batch),
  }
}
