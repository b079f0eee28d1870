import type { BatchOutcome, EventBatch } from "../bus/consume.ts"
import type { EventRecord } from "../domain/event.ts"
import { operationDefinition, operationKindOf } from "../domain/operations/index.ts"
import type { CrashHook } from "./crash-points.ts"
import type { OperationQueue, QueuedOperation } from "./ports.ts"

/** Live requests come behind backfill on the bus: so much more of that is taken, or they would wait for it there. */
const MORE_BACKFILL = 10

/** Takes requests off the bus; never waits for the chain, so that no consumer session depends on a block. */
export interface Intake {
  storedOffset(consumerGroup: string, topic: string, partition: number): Promise<bigint | null>
  /** Throws when the store cannot be reached: the batch was not handled and has to come again. */
  handle(batch: EventBatch): Promise<BatchOutcome>
  /** True while so much is pending that the partitions should be paused. What waits on the bus counts as lag. */
  overloaded(): Promise<boolean>
}

export function createIntake(options: {
  readonly queue: OperationQueue
  readonly maxPendingOperations: number
  readonly crashPoint?: CrashHook
}): Intake {
  const { queue } = options
  const crash: CrashHook = options.crashPoint ?? (() => {})
  return {
    storedOffset: (consumerGroup, topic, partition) => queue.storedOffset(consumerGroup, topic, partition),
    async handle(batch) {
      const { events, ...rest } = batch
      // Results and removals are for others.
      const operations = events.flatMap(event => toOperation(event) ?? [])
      await crash("before-accept")
      const { outcome } = await queue.accept({ ...rest, operations })
      await crash("after-accept")
      return { outcome }
    },
    async overloaded() {
      const { live, backfill } = await queue.pending()
      const { maxPendingOperations } = options
      return live >= maxPendingOperations || backfill >= maxPendingOperations * MORE_BACKFILL
    },
  }
}

/** The operation that an event asks for; null for one that asks for nothing. */
export function toOperation(event: EventRecord): QueuedOperation | null {
  const kind = operationKindOf(event.type)
  if (!kind) return null
  const definition = operationDefinition(kind)
  const { eventId, position, subject, traceparent, backfill } = event
  return {
    eventId,
    position,
    type: definition.type,
    kind,
    subject,
    word: definition.word(event),
    traceparent,
    backfill,
  }
}
