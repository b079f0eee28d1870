import { ConnectionPool, type Consumer, ListOffsetTimestamps } from "@platformatic/kafka"
import type { SessionOptions } from "../session.ts"
import { type Assignment, oldestOffsets, type Place } from "./assignment.ts"
import { clientOptions } from "./client.ts"
import { deliver } from "./deliver.ts"
import { protocolErrorNames } from "./errors.ts"
import { type FetchResponse, visibleRecords } from "./visible-records.ts"

/** With nothing to fetch: no partition, or all paused. */
const IDLE_MS = 50

interface Fetched {
  readonly node: number
  /** What was asked for, and where from. */
  readonly asked: ReadonlyMap<Place, bigint>
  /** By topic and partition; null if a partition's offset was outside of what the broker has. */
  readonly response: FetchResponse | null
  readonly topicNames: ReadonlyMap<string, string>
}

/**
 * Fetches and hands over until the signal aborts; rejects when a broker cannot be reached. One fetch of a broker is in
 * flight, because its fetch session numbers them; batches are handed over one at a time.
 */
export async function consumePartitions(
  consumer: Consumer,
  assignment: Assignment,
  options: SessionOptions,
): Promise<void> {
  const { signal, clock, settings } = options
  // Apart from the group's connections: a broker answers one request of a connection at a time, and a fetch can wait.
  const pool = new ConnectionPool(settings.clientId, clientOptions(settings, 0))
  const inFlight = new Map<number, Promise<Fetched>>()
  const stopped = new Promise<null>(resolve => signal.addEventListener("abort", () => resolve(null)))

  async function begin(): Promise<void> {
    const nowMs = clock.nowMs()
    const ready = assignment.places().filter(({ pausedUntilMs }) => pausedUntilMs <= nowMs)
    if (ready.length === 0) return
    const metadata = await consumer.metadata({ topics: [...options.topics] })
    const leaders = Map.groupBy(
      ready,
      ({ topic, partition }) => metadata.topics.get(topic)?.partitions[partition]?.leader ?? -1,
    )
    for (const [node, places] of leaders) {
      if (inFlight.has(node)) continue
      const fetching = fetch(node, places, new Map([...metadata.topics].map(([name, { id }]) => [name, id])))
      // Told when it is waited for; until then it must not be an unhandled rejection.
      fetching.catch(() => undefined)
      inFlight.set(node, fetching)
    }
  }

  async function fetch(
    node: number,
    places: readonly Place[],
    ids: ReadonlyMap<string, string>,
  ): Promise<Fetched> {
    const asked = new Map(places.map(place => [place, place.fetchFrom]))
    const topicNames = new Map([...ids].map(([name, id]) => [id, name]))
    const topics = [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
      topicId: ids.get(topic) ?? topic,
      partitions: ofTopic.map(({ partition, fetchFrom }) => ({
        partition,
        fetchOffset: fetchFrom,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        partitionMaxBytes: options.tuning.maxBatchBytes,
      })),
    }))
    try {
      const response = await consumer.fetch({ node, topics, connectionPool: pool })
      return { node, asked, response, topicNames }
    } catch (error) {
      if (!protocolErrorNames(error).includes("OFFSET_OUT_OF_RANGE")) throw error
      return { node, asked, response: null, topicNames }
    }
  }

  async function take({ asked, response, topicNames }: Fetched): Promise<void> {
    if (!response) return returnToOldest(consumer, [...asked.keys()])
    for (const { topicId, partitions } of response.responses) {
      for (const fetched of partitions) {
        const topic = topicNames.get(topicId)
        const place = assignment
          .places()
          .find(one => one.topic === topic && one.partition === fetched.partitionIndex)
        const from = place && asked.get(place)
        if (!place || from === undefined || from !== place.fetchFrom) continue
        const { messages, nextOffset } = visibleRecords(place.topic, fetched, from)
        if (nextOffset === null) continue
        if (signal.aborted) return
        if (messages.length === 0) place.fetchFrom = nextOffset
        else await deliver(consumer, place, { fetched, messages, nextOffset }, options)
      }
    }
  }

  try {
    while (!signal.aborted) {
      await begin()
      if (inFlight.size === 0) await clock.sleep(IDLE_MS, signal)
      else {
        const done = await Promise.race([...inFlight.values(), stopped])
        if (!done) return
        inFlight.delete(done.node)
        await take(done)
      }
    }
  } finally {
    await pool.close().catch(() => undefined)
  }
}

/** The broker has less than was read, or retention took what comes next: what there is is read, and who reads it finds out. */
async function returnToOldest(consumer: Consumer, places: readonly Place[]): Promise<void> {
  const topics = [...new Set(places.map(({ topic }) => topic))]
  const low = await oldestOffsets(consumer, topics)
  const high = await consumer.listOffsets({ topics, timestamp: ListOffsetTimestamps.LATEST })
  for (const place of places) {
    const oldest = low.get(place.topic)?.[place.partition] ?? 0n
    const end = high.get(place.topic)?.[place.partition] ?? 0n
    if (place.fetchFrom >= oldest && place.fetchFrom <= end) continue
    place.handledUpTo = oldest
    place.fetchFrom = oldest
  }
}
