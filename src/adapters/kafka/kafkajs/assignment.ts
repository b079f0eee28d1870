import type { Consumer } from "kafkajs"
import { backoffMs } from "../../../runtime/backoff.ts"
import type { SessionOptions } from "../session.ts"
import { partitionBounds, withAdmin } from "./admin.ts"
import type { PartitionProgress } from "./partition-progress.ts"

const RETRY = { baseMs: 200, maxMs: 1_500 }

interface Start {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** False where nothing is stored or what was is gone: then the handler must learn the oldest offset. */
  readonly isStored: boolean
}

/**
 * Lets assigned partitions begin at the stored offsets. They are paused within the join event, before the first fetch,
 * because the offsets are not there yet and kafkajs would begin at what was committed to Kafka.
 */
export function assignPartitions(
  consumer: Consumer,
  progress: PartitionProgress,
  options: SessionOptions,
): void {
  const { clock, signal, settings, groupId } = options
  let generation = 0

  async function begin(assigned: Readonly<Record<string, readonly number[]>>): Promise<void> {
    generation += 1
    const mine = generation
    const paused = Object.entries(assigned).map(([topic, partitions]) => ({
      topic,
      partitions: [...partitions],
    }))
    progress.clear()
    consumer.pause(paused)
    for (let failures = 1; mine === generation && !signal.aborted; failures += 1) {
      try {
        const starts = await findStarts(assigned, options)
        if (mine !== generation || signal.aborted) return
        for (const { topic, partition, offset, isStored } of starts) {
          if (isStored) progress.startAt(topic, partition, offset)
          consumer.seek({ topic, partition, offset: offset.toString() })
        }
        consumer.resume(paused)
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

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => begin(payload.memberAssignment))
}

/** The stored offset, or the oldest message's where nothing is stored or retention took what was. */
async function findStarts(
  assigned: Readonly<Record<string, readonly number[]>>,
  { settings, storedOffset }: SessionOptions,
): Promise<readonly Start[]> {
  const topics = Object.keys(assigned).filter(topic => assigned[topic]?.length)
  const bounds = await withAdmin(settings, admin => partitionBounds(admin, topics))
  const oldest = new Map(bounds.map(({ topic, partition, low }) => [`${topic}/${partition}`, low]))
  const starts: Start[] = []
  for (const topic of topics) {
    for (const partition of assigned[topic] ?? []) {
      const low = oldest.get(`${topic}/${partition}`) ?? 0n
      const stored = await storedOffset(topic, partition)
      const isStored = stored !== null && stored >= low
      starts.push({ topic, partition, offset: isStored ? stored : low, isStored })
    }
  }
  return starts
}
