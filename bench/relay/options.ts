import { parseArgs } from "node:util"
import type { KafkaClientName } from "../../src/adapters/kafka/settings.ts"

export interface BenchOptions {
  readonly events: number
  readonly subjects: number
  readonly rounds: number
  readonly latencySeconds: number
  readonly writerSeconds: number
  readonly idleSeconds: number
  readonly batchSize: number
  readonly client: KafkaClientName
  /** A backlog of so many events in place of all other measurements; 0 without one. */
  readonly backlog: number
  readonly peers: boolean
  readonly only: ReadonlySet<string>
}

const HELP = `npm run bench:relay -- [options]
  --events 200000         events a round of draining
  --subjects 1000         subjects they are spread over
  --rounds 3              warm rounds; the middle one counts
  --latency-seconds 10    at each of 100 and 1,000 events a second
  --writer-seconds 5      of each run of 4 writers
  --idle-seconds 10
  --batch-size 2000       of the relay
  --client platformatic   or kafkajs
  --backlog               1,000,000 events and the relay's memory over time, nothing else
  --peers                 Debezium in the same run
  --only drain,latency    some of: ceilings, drain, latency, writers, idle, start, append`

export function readOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: "string", default: "200000" },
      subjects: { type: "string", default: "1000" },
      rounds: { type: "string", default: "3" },
      "latency-seconds": { type: "string", default: "10" },
      "writer-seconds": { type: "string", default: "5" },
      "idle-seconds": { type: "string", default: "10" },
      "batch-size": { type: "string", default: "2000" },
      client: { type: "string", default: "platformatic" },
      backlog: { type: "boolean", default: false },
      peers: { type: "boolean", default: false },
      only: { type: "string", default: "ceilings,drain,latency,writers,idle,start,append" },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) {
    process.stderr.write(`${HELP}\n`)
    return null
  }
  if (values.client !== "kafkajs" && values.client !== "platformatic")
    throw new Error("--client: kafkajs or platformatic")
  return {
    events: Number(values.events),
    subjects: Number(values.subjects),
    rounds: Number(values.rounds),
    latencySeconds: Number(values["latency-seconds"]),
    writerSeconds: Number(values["writer-seconds"]),
    idleSeconds: Number(values["idle-seconds"]),
    batchSize: Number(values["batch-size"]),
    client: values.client,
    backlog: values.backlog ? 1_000_000 : 0,
    peers: values.peers,
    only: new Set(values.only.split(",")),
  }
}
