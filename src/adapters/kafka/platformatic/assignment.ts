import { type Consumer, type GroupAssignment, ListOffsetTimestamps } from "@platformatic/kafka"
import { backoffMs } from "../../../runtime/backoff.ts"
import type { SessionOptions } from "../session.ts"

const RETRY = { baseMs: 200, maxMs: 1_500 }

/** One assigned partition. Made anew at every join: what was fetched for an older one is not delivered. */
export interface Place {
  readonly topic: string
  readonly partition: number
  /** What comes next for the handler. */
  handledUpTo: bigint
  /** Above `handledUpTo` after records that nobody may see. */
  fetchFrom: bigint
  /** Unix milliseconds. */
  pausedUntilMs: number
}

export interface Assignment {
  /** Empty while the stored offsets of a new assignment are not known. */
  places(): readonly Place[]
}

/** Follows the group's assignments: at each the places are the partitions at their stored offsets. */
export function createAssignment(consumer: Consumer, options: SessionOptions): Assignment {
  const { clock, signal, settings, groupId } = options
  let generation = 0
  let places: readonly Place[] = []

  async function begin(assignments: readonly GroupAssignment[]): Promise<void> {
    generation += 1
    const mine = generation
    places = []
    for (let failures = 1; mine === generation && !signal.aborted; failures += 1) {
      try {
        const found = await findPlaces(consumer, assignments, options)
        if (mine === generation) places = found
        return
      } catch (err) {
        settings.logger.warn(
          { groupId, failures, err },
          "the offsets to begin at cannot be read, will try again",
        )
        await clock.sleep(backoffMs(failures, RETRY), signal)
      }
    }
  }

  consumer.on("consumer:group:join", ({ assignments = [] }) => void begin(assignments))
  return { places: () => places }
}

/** At the stored offset, or at the oldest message's where nothing is stored or retention took what was. */
async function findPlaces(
  consumer: Consumer,
  assignments: readonly GroupAssignment[],
  { storedOffset }: SessionOptions,
): Promise<readonly Place[]> {
  const topics = assignments.filter(({ partitions }) => partitions.length > 0).map(({ topic }) => topic)
  if (topics.length === 0) return []
  const oldest = await oldestOffsets(consumer, topics)
  const places: Place[] = []
  for (const { topic, partitions } of assignments) {
    for (const partition of partitions) {
      const low = oldest.get(topic)?.[partition] ?? 0n
      const stored = await storedOffset(topic, partition)
      const offset = stored !== null && stored > low ? stored : low
      places.push({ topic, partition, handledUpTo: offset, fetchFrom: offset, pausedUntilMs: 0 })
    }
  }
  return places
}

/** The oldest offset the broker still has, by topic and partition. */
export function oldestOffsets(
  consumer: Consumer,
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly bigint[]>> {
  return consumer.listOffsets({ topics: [...topics], timestamp: ListOffsetTimestamps.EARLIEST })
}
