import type { Subscription } from "../../bus/consume.ts"
import type { EventPublisher } from "../../relay/ports.ts"
import type { SubscriptionTuning } from "./settings.ts"

/**
 * Port inside the adapter: what a Kafka client library has to give. One conformance suite holds for each.
 * Every publisher and subscription has connections of its own, and opens them when it is first used.
 */
export interface KafkaClient {
  publisher(): EventPublisher
  subscription(tuning?: Partial<SubscriptionTuning>): Subscription
  /** Connects, asks, disconnects. Throws an OperatorError when no broker answers or it refuses the login. */
  withAdmin<T>(use: (admin: KafkaAdmin) => Promise<T>): Promise<T>
}

export interface KafkaAdmin {
  listTopics(): Promise<readonly string[]>
  /** Rejects also when one of them exists already, after it made the others. */
  createTopics(topics: readonly string[], shape: TopicShape): Promise<void>
  /** The leader's node id of each partition, or a negative number; null while one of the topics is unknown. */
  leaders(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]> | null>
  /** Waits a moment for a leader that has just been chosen; rejects for a topic that does not exist. */
  bounds(topics: readonly string[]): Promise<readonly PartitionBounds[]>
  /** What the group committed, by `topic/partition`; what it never committed is left out. */
  committed(groupId: string, bounds: readonly PartitionBounds[]): Promise<ReadonlyMap<string, bigint>>
}

export interface TopicShape {
  readonly partitions: number
  readonly replicationFactor: number
}

export interface PartitionBounds {
  readonly topic: string
  readonly partition: number
  /** The oldest offset the broker still has. */
  readonly low: bigint
  /** The offset of the next message to be written. */
  readonly high: bigint
}

/** With three replicas one may be down: two of them still make an acknowledged event survive the next failure. */
export function topicConfig(shape: TopicShape): { name: string; value: string }[] {
  const inSync = shape.replicationFactor >= 3 ? 2 : 1
  return [
    { name: "cleanup.policy", value: "delete" },
    { name: "min.insync.replicas", value: String(inSync) },
  ]
}
