import { openKafkaClient } from "../../src/adapters/kafka/open-client.ts"
import type { KafkaClientName } from "../../src/adapters/kafka/settings.ts"
import { closeDatabase, openDatabase } from "../../src/adapters/postgres/client.ts"
import { createPostgresEventSource } from "../../src/adapters/postgres/relay/event-source.ts"
import { toMessage } from "../../src/bus/envelope.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { benchSubject, payloadOf, TYPE } from "./log.ts"
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

/** What the client sends when nobody has to read: one batch of the same messages again and again, from memory. */
export async function produceRate(
  client: KafkaClientName,
  brokers: readonly string[],
  options: { readonly topic: string; readonly events: number; readonly batchSize: number },
): Promise<Ceiling> {
  const kafka = await openKafkaClient(
    client,
    { brokers, clientId: "bench", logger: silentLogger },
    systemClock,
  )
  const publisher = kafka.publisher()
  const messages = Array.from({ length: options.batchSize }, (_, n) =>
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
      options.topic,
    ),
  )
  const send = async (events: number) => {
    for (let sent = 0; sent < events; sent += messages.length) {
      const { outcome } = await publisher.publish(messages)
      if (outcome !== "acknowledged") throw new Error("the broker refused the benchmark's messages")
    }
  }
  await send(options.events / 4)
  const ceiling = await timed(options.events, () => send(options.events))
  await publisher.close()
  return ceiling
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
