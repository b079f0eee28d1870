/**
 * The process that owns the embedded services. It has a session of its own, so Ctrl-C reaches only its parent,
 * and it holds one end of a pipe to the parent: however the parent ends, kill -9 included, the pipe closes,
 * and the guardian ends the services, deletes their files and ends itself.
 */
import { startChain } from "./chain.ts"
import { machineEnvironment } from "./environment.ts"
import { EmbeddedError } from "./error.ts"
import { abandonedFootprints, clearUp, createFootprint } from "./footprint.ts"
import { startKafka } from "./kafka/broker.ts"
import { startPostgres } from "./postgres.ts"
import { type GuardianMessage, type GuardianRequest, type ServiceName, serviceTitles } from "./protocol.ts"
import type { RunningService, ServiceContext } from "./service.ts"

const stopping = new AbortController()
const parentGone = new Promise<void>(resolve => {
  process.stdin.on("close", resolve).on("error", () => resolve())
  process.stdin.resume()
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve())
  process.on("SIGINT", () => undefined)
})
// Nobody reads any more once the parent is gone; that is no reason to leave the services behind.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined)

const send = (message: GuardianMessage): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

await main(JSON.parse(process.argv[2] as string) as GuardianRequest)

async function main(request: GuardianRequest): Promise<void> {
  const footprint = createFootprint(stopping.signal)
  void Promise.all(abandonedFootprints().map(clearUp)).catch(() => undefined)

  const starts = request.services.map(async name => {
    const service = await start(name, request, {
      footprint,
      environment: machineEnvironment,
      step: (step, run) => reported(name, step, run),
    })
    return [name, service] as const
  })
  const started = Promise.all(starts)
  started.then(announce, error => {
    send({ type: "failed", ...explain(error) })
  })
  await Promise.race([
    parentGone,
    started.then(
      () => parentGone,
      () => undefined,
    ),
  ])

  stopping.abort()
  const cleared = footprint.clear()
  await Promise.allSettled(starts)
  await cleared
  // Once more: a start that was under way may have written to the directory meanwhile.
  await footprint.clear()
  process.stdin.destroy()
}

function start(
  name: ServiceName,
  request: GuardianRequest,
  context: ServiceContext,
): Promise<RunningService> {
  switch (name) {
    case "postgres":
      return startPostgres(context, request.ports.postgres)
    case "kafka":
      return startKafka(context, request.ports.kafka)
    case "chain":
      return startChain(context, {
        ...(request.ports.chain !== undefined && { port: request.ports.chain }),
        ...(request.chainBlockIntervalMs !== undefined && { blockIntervalMs: request.chainBlockIntervalMs }),
      })
  }
}

function announce(services: (readonly [ServiceName, RunningService])[]): void {
  const byName = new Map(services)
  const addressOf = (name: ServiceName): string | undefined => byName.get(name)?.address
  const [databaseUrl, broker, blockchainProviderUrl] = [
    addressOf("postgres"),
    addressOf("kafka"),
    addressOf("chain"),
  ]
  send({
    type: "ready",
    addresses: {
      ...(databaseUrl !== undefined && { databaseUrl }),
      ...(broker !== undefined && { kafkaBrokers: [broker] }),
      ...(blockchainProviderUrl !== undefined && { blockchainProviderUrl }),
      pids: Object.fromEntries(services.map(([name, { pid }]) => [name, pid])),
    },
  })
  for (const [service, { exited, tail }] of services) {
    void exited.then(() => {
      if (stopping.signal.aborted) return
      send({ type: "lost", service, message: `${serviceTitles[service]} ended by itself.\n${tail()}` })
    })
  }
}

async function reported<T>(service: ServiceName, step: string, run: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  send({ type: "progress", progress: { service, step, seconds: 0, state: "started" } })
  const result = await run()
  const seconds = Math.round((performance.now() - begun) / 100) / 10
  send({ type: "progress", progress: { service, step, seconds, state: "done" } })
  return result
}

function explain(error: unknown): { message: string; exitCode: 69 | 78 } {
  if (error instanceof EmbeddedError) return { message: error.message, exitCode: error.exitCode }
  return { message: `Embedded infrastructure could not be started: ${String(error)}`, exitCode: 69 }
}
