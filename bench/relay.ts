import { KAFKA_CLIENTS } from "../src/adapters/kafka/settings.ts"
import { topicsWithPrefix } from "../src/bus/topics.ts"
import { startDebezium } from "./peers/debezium.ts"
import { type BenchBus, openBus } from "./relay/bus.ts"
import { produceRates, readRate } from "./relay/ceilings.ts"
import { appendCosts, idleCost } from "./relay/costs.ts"
import { drainCold, drainWarm, type Subject } from "./relay/drain.ts"
import { latency } from "./relay/latency.ts"
import { appendOne, benchSubject, fill, rowsOf } from "./relay/log.ts"
import { type BenchOptions, readOptions } from "./relay/options.ts"
import { loadAverage, resetPeak, usageOf } from "./relay/process-usage.ts"
import { type BenchProcess, startRelay } from "./relay/relay-process.ts"
import { type BenchDatabase, createBenchDatabase, startServers } from "./relay/servers.ts"
import { round } from "./relay/statistics.ts"
import { targets } from "./relay/targets.ts"
import { writersBeside } from "./relay/writers.ts"

const PARTITIONS = 3
const NOBODY = "0x0000000000000000000000000000000000000001"
const RATES = [100, 1_000]

interface Bench {
  readonly options: BenchOptions
  readonly bus: BenchBus
  readonly database: BenchDatabase
  readonly topic: string
  start(): BenchProcess
}

const tell = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)

async function part<T>(
  bench: Bench,
  name: string,
  run: () => Promise<T>,
): Promise<(T & { load: number }) | undefined> {
  if (!bench.options.only.has(name)) return undefined
  const load = loadAverage()
  const figures = { ...(await run()), load }
  tell(`${name} ${JSON.stringify(figures)}`)
  return figures
}

async function measureLatency(bench: Bench, subject: Subject) {
  const found: Record<string, unknown> = {}
  for (const aSecond of RATES) {
    found[`${aSecond}/s`] = await latency(bench.bus, {
      topic: subject.topics[0] ?? "",
      append: subject.append,
      aSecond,
      seconds: bench.options.latencySeconds,
    })
  }
  return found
}

/** Milliseconds from the process's start to the first message of a waiting event. */
async function measureStart(bench: Bench, subject: Subject) {
  const before = await bench.bus.count(subject.topics)
  await subject.append("first", 1)
  const startedMs = performance.now()
  const carrier = subject.start()
  await bench.bus.reached(subject.topics, before + 1)
  const firstMessageMs = round(performance.now() - startedMs)
  await carrier.stop()
  return { firstMessageMs }
}

async function measureBacklog(bench: Bench) {
  const { options, bus, topic, database } = bench
  tell(`filling ${options.backlog} events`)
  await fill(database.sql, options.backlog, options.subjects)
  const relay = bench.start()
  const startedMs = performance.now()
  const rss: { second: number; rssMegabytes: number }[] = []
  const sampling = setInterval(() => {
    const second = Math.round((performance.now() - startedMs) / 1000)
    rss.push({ second, rssMegabytes: usageOf(relay.pid).rssMegabytes })
  }, 1_000)
  const seconds = await bus.reached([topic], options.backlog)
  clearInterval(sampling)
  const usage = usageOf(relay.pid)
  await relay.stop()
  return { events: options.backlog, eventsASecond: round(options.backlog / seconds), ...usage, rss }
}

async function measureRelay(bench: Bench, brokers: readonly string[]) {
  const { bus, database, options, topic } = bench
  const { sql } = database
  const subject: Subject = {
    topics: [topic],
    fill: events => fill(sql, events, options.subjects),
    append: (id, n) => appendOne(sql, id, benchSubject(n % options.subjects)),
    rows: () => rowsOf(sql),
    start: bench.start,
  }
  // First, so that the broker is as warm for what is measured next as it will be for Debezium.
  const produce = await part(bench, "ceilings", async () => {
    const rates: Record<string, unknown> = {}
    for (const client of KAFKA_CLIENTS)
      rates[client] = await produceRates(client, brokers, {
        ...options,
        topic: "bench.raw",
        partitions: PARTITIONS,
      })
    return rates
  })
  const cold = await part(bench, "drain", () => drainCold(bus, subject, options.events))
  const relay = cold?.process ?? bench.start()
  const warm = await part(bench, "drain", () => drainWarm(bus, subject, relay, options))
  const read = await part(bench, "ceilings", () => readRate(database.url, options))
  const delays = await part(bench, "latency", () => measureLatency(bench, subject))
  const idle = await part(bench, "idle", () => idleCost(sql, relay.pid, options.idleSeconds))
  resetPeak(relay.pid)
  const writers = await part(bench, "writers", () => writersBeside(bus, subject, relay, options))
  await relay.stop()
  const start = await part(bench, "start", () => measureStart(bench, subject))
  const append = await part(bench, "append", () => appendCosts(sql))
  return {
    cold: cold?.figures,
    warm,
    ceilings: { produce, read },
    latencyMs: delays,
    idle,
    writers,
    start,
    appendMicroseconds: append,
  }
}

async function measureDebezium(bench: Bench, brokers: readonly string[]) {
  const { bus, options } = bench
  const debezium = await startDebezium({ brokers, tell })
  const { sql, subject } = debezium
  await bus.createTopics(subject.topics, PARTITIONS)
  try {
    const cold = await drainCold(bus, subject, options.events)
    // The JVM needs about five rounds to be warm.
    await drainWarm(bus, subject, cold.process, { events: options.events, rounds: 5 })
    const warm = await drainWarm(bus, subject, cold.process, options)
    const latencyMs = await part(bench, "latency", () => measureLatency(bench, subject))
    const idle = await part(bench, "idle", () => idleCost(sql, cold.process.pid, options.idleSeconds))
    const writers = await part(bench, "writers", () => writersBeside(bus, subject, cold.process, options))
    await cold.process.stop()
    const start = await part(bench, "start", () => measureStart(bench, subject))
    return { cold: cold.figures, warm, latencyMs, idle, writers, start }
  } finally {
    await debezium.stop()
  }
}

async function run(options: BenchOptions): Promise<unknown> {
  const servers = await startServers()
  try {
    const database = await createBenchDatabase(servers.databaseUrl, "bench")
    const bus = await openBus(servers.brokers)
    const topics = topicsWithPrefix("bench")
    await bus.createTopics([...Object.values(topics), "bench.raw"], PARTITIONS)
    const start = () =>
      startRelay({
        DATABASE_URL: database.url,
        KAFKA_BROKERS: servers.brokers.join(","),
        BLOCKCHAIN_PROVIDER_URL: "http://127.0.0.1:1",
        // The relay asks no chain, but the configuration is checked as a whole.
        PATIENT_REGISTRY_ADDRESS: NOBODY,
        BLOCKED_IP_REGISTRY_ADDRESS: NOBODY,
        ATTACK_SIGNATURE_REGISTRY_ADDRESS: NOBODY,
        TOPIC_PREFIX: "bench",
        TOPIC_PARTITIONS: String(PARTITIONS),
        KAFKA_CLIENT: options.client,
        // Embedded Postgres allows prepared transactions, for tests; here nobody makes any.
        RELAY_NEWS: "always",
        RELAY_BATCH_SIZE: String(options.batchSize),
        RELAY_NODE_FLAGS: process.env.BENCH_RELAY_NODE_FLAGS ?? "",
      })
    const bench: Bench = { options, bus, database, topic: topics["ip-block"], start }
    const about = {
      options: { ...options, only: [...options.only] },
      node: process.version,
      loadAtStart: loadAverage(),
    }
    if (options.backlog > 0) return { ...about, backlog: await measureBacklog(bench) }
    const relay = await measureRelay(bench, servers.brokers)
    const debezium = options.peers ? await measureDebezium(bench, servers.brokers) : undefined
    await bus.close()
    await database.sql.end()
    return {
      ...about,
      relay,
      debezium,
      targets: targets(options.client, relay, debezium),
      loadAtEnd: loadAverage(),
    }
  } finally {
    await servers.stop()
  }
}

const options = readOptions(process.argv.slice(2))
if (options) process.stdout.write(`${JSON.stringify(await run(options), null, 2)}\n`)
