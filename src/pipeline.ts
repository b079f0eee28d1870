import type { ConsumerOptions } from "./bus/run-consumer.ts"
import type { LaneKeeperOptions } from "./chain-writer/lane-keeper.ts"
import type { Ttl } from "./projector/ttl.ts"
import type { Relay } from "./relay/relay.ts"
import type { Stage } from "./runtime/ticker.ts"
import type { Role } from "./settings.ts"

/** One thing that runs until it is told to stop: a stage with its ticker, or a consumer group's member. */
export interface Service {
  readonly role: Role
  readonly name: string
  run(signal: AbortSignal): Promise<void>
}

export type Consumer = Pick<ConsumerOptions, "groupId" | "topics" | "offsets" | "handle" | "overloaded">

export type LaneSource = Pick<LaneKeeperOptions, "signers" | "newWriter">

export interface Parts {
  readonly relay?: { readonly relay: Relay; readonly partitionKeeper: Stage; readonly archiver?: Stage }
  readonly chainWriter?: { readonly intake: Consumer; readonly lanes: LaneSource }
  readonly projector?: { readonly projector: Consumer; readonly ttl: Ttl }
  readonly writeBack?: { readonly consumer: Consumer; readonly settle: Stage }
  readonly answerCache?: Consumer
}

export interface Runners {
  consume(role: Role, consumer: Consumer): Service
  /** A writer for each signing account, as accounts come and go. */
  lanes(role: Role, source: LaneSource, idleMs: number): Service
  tick(role: Role, stage: Stage & Partial<Pick<Relay, "waitForWork" | "release">>, idleMs: number): Service
}

/**
 * START HERE. The app appends to the event log in its own transaction (outbox/append.ts); from there data flows down
 * this list, and what a stage finds out is appended to the same log and comes down again.
 */
export function pipeline(
  { relay, chainWriter, projector, writeBack, answerCache }: Parts,
  run: Runners,
): readonly Service[] {
  const services: Service[] = []
  // 1. Event log -> Kafka, a topic per operation type.
  if (relay)
    services.push(run.tick("relay", relay.relay, 60_000), run.tick("relay", relay.partitionKeeper, 600_000))
  if (relay?.archiver) services.push(run.tick("relay", relay.archiver, 600_000))
  // 2. Kafka -> queue -> chain, one lane a signing account; results -> event log.
  if (chainWriter) services.push(run.consume("chain-writer", chainWriter.intake))
  if (chainWriter) services.push(run.lanes("chain-writer", chainWriter.lanes, 100))
  // 3. Kafka -> read model with its timers; block-expired -> event log, where it is the request for the chain's cleanup.
  if (projector)
    services.push(run.consume("projector", projector.projector), run.tick("projector", projector.ttl, 250))
  // 4. Results -> the app's tables; expired rows out, removals -> event log.
  if (writeBack)
    services.push(
      run.consume("write-back", writeBack.consumer),
      run.tick("write-back", writeBack.settle, 250),
    )
  // 5. Results -> the app asks the chain again instead of its cache.
  if (answerCache) services.push(run.consume("write-back", answerCache))
  return services
}
