import { openKafkaClient } from "../../src/adapters/kafka/open-client.ts"
import type { KafkaClientName } from "../../src/adapters/kafka/settings.ts"
import { closeDatabase, openDatabase } from "../../src/adapters/postgres/client.ts"
import { createPostgresEventSource } from "../../src/adapters/postgres/relay/event-source.ts"
import { toMessage } from "../../src/bus/envelope.ts"
import type { OutgoingMessage } from "../../src/bus/message.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { benchSubject, payloadOf, TYPE } from "./log.ts"
import { ownProducers } from "./own-producers.ts"
import { round } from "./statistics.ts"

export interface Ceiling {
  readonly eventsASecond: number
  readonly cpuSecondsPer100k: number
}

async function timed(events: number, work: () => Promise<void>): Promise<Ceiling> {
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await work()
  const seconds = (performance.now() - startedMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return {
    eventsASecond: round(events / seconds),
    cpuSecondsPer100k: round(((user + system) / 1e6 / events) * 100_000),
  }
}

export interface ProduceRates {
  /** By the library's own producer. */
  readonly own: Ceiling
  /** By the publisher that the relay uses over it. */
  readonly ours: Ceiling
}

interface ProduceOptions {
  readonly topic: string
  readonly partitions: number
  readonly events: number
  readonly batchSize: number
}

/** What the client sends when nobody has to read: the same messages, headers and all, again and again from memory. */
export async function produceRates(
  client: KafkaClientName,
  brokers: readonly string[],
  options: ProduceOptions,
): Promise<ProduceRates> {
  const messages = madeBefore(options)
  const own = await ownProducers[client](brokers, messages, options.partitions)
  const byOwn = await repeated(() => own.send(), options)
  await own.close()
  const settings = { brokers, clientId: "bench", logger: silentLogger }
  const publisher = (await openKafkaClient(client, settings, systemClock)).publisher()
  const byOurs = await repeated(async () => {
    const { outcome } = await publisher.publish(messages)
    if (outcome !== "acknowledged") throw new Error("the broker refused the benchmark's messages")
  }, options)
  await publisher.close()
  return { own: byOwn, ours: byOurs }
}

function madeBefore({ topic, batchSize }: ProduceOptions): readonly OutgoingMessage[] {
  return Array.from({ length: batchSize }, (_, n) =>
    toMessage(
      {
        position: (BigInt(Date.now()) << 20n) + BigInt(n),
        eventId: crypto.randomUUID(),
        type: TYPE,
        subject: `0x${benchSubject(n % 1_000).toString("hex")}`,
        payloadJson: payloadOf(String(n)),
        occurredAtMs: Date.now(),
        traceparent: null,
        causationId: null,
        backfill: false,
      },
      topic,
    ),
  )
}

/** Warm: a quarter as much is sent before. */
async function repeated(
  send: () => Promise<unknown>,
  { events, batchSize }: ProduceOptions,
): Promise<Ceiling> {
  const sendAll = async (wanted: number) => {
    for (let sent = 0; sent < wanted; sent += batchSize) await send()
  }
  await sendAll(events / 4)
  return timed(events, () => sendAll(events))
}

/** How fast the cursor reads what is there, all of it safe, with nobody to send to. */
export async function readRate(
  databaseUrl: string,
  options: { readonly events: number; readonly batchSize: number },
): Promise<Ceiling> {
  const sql = openDatabase({ url: databaseUrl, max: 1, applicationName: "bench-read" })
  const source = createPostgresEventSource({ sql, clock: systemClock })
  const read = async (events: number) => {
    let position = 0n
    for (let done = 0; done < events; ) {
      const batch = await source.readSafe(position, options.batchSize)
      done += batch.length
      position = batch.at(-1)?.position ?? position
    }
  }
  await read(Math.min(options.events, 20_000))
  const ceiling = await timed(options.events, () => read(options.events))
  await closeDatabase(sql)
  return ceiling
}
