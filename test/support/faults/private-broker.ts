import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { machineEnvironment } from "../../../src/embedded/environment.ts"
import { brokerProperties, javaArguments } from "../../../src/embedded/kafka/broker-process.ts"
import { findJava } from "../../../src/embedded/kafka/java.ts"
import { librariesDirectory } from "../../../src/embedded/kafka/libraries.ts"
import { freePort } from "../../../src/embedded/ports.ts"
import { type LeashedProcess, startLeashed } from "./leash.ts"

/** A real Kafka broker of a test's own, which may be killed and started again on the same port and data. */
export interface PrivateBroker {
  /** `host:port`. */
  readonly address: string
  /** For another broker to join. */
  readonly cluster: Cluster
  start(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay, and nothing is answered. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

export interface Cluster {
  readonly id: string
  readonly controllerPort: number
}

export interface PrivateBrokerOptions {
  /** It joins this one as its second broker, in place of a cluster of its own. */
  readonly join?: Cluster
  /** Lines that override the usual ones; `insidePort` is free for a listener of its own. */
  readonly properties?: (ports: {
    readonly port: number
    readonly insidePort: number
    readonly controllerPort: number
  }) => string
  /** For StorageTool, such as `--add-scram`. */
  readonly formatArguments?: readonly string[]
}

/** A killed broker may register again only after its old session ended, which is 9 s by default. */
const QUICK_RETURN = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=500\n"

/** Null where one can be run; else why not: its jar files are fetched with the embedded broker. */
export function privateBrokerMissing(): string | null {
  return existsSync(librariesDirectory(machineEnvironment))
    ? null
    : "Kafka's jar files are not here: start the embedded Kafka once"
}

/** A broker only: the first one's controller outlives it. */
const secondBroker = (port: number, { controllerPort }: Cluster) => `process.roles=broker
node.id=2
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=CLIENTS://127.0.0.1:${port}
`

/** Started and ready. */
export async function startPrivateBroker(options: PrivateBrokerOptions = {}): Promise<PrivateBroker> {
  const directory = await mkdtemp(join(tmpdir(), "reconciler-broker-"))
  const ports = {
    port: await freePort(),
    insidePort: await freePort(),
    controllerPort: await freePort(),
  }
  const config = join(directory, "server.properties")
  const base = brokerProperties({ ...ports, dataDirectory: join(directory, "data") })
  const cluster = options.join ?? {
    id: randomBytes(16).toString("base64url"),
    controllerPort: ports.controllerPort,
  }
  const joining = options.join ? secondBroker(ports.port, options.join) : ""
  await writeFile(config, `${base}${QUICK_RETURN}${joining}${options.properties?.(ports) ?? ""}`)
  const java = await findJava(machineEnvironment)
  const libraries = librariesDirectory(machineEnvironment)
  const format = ["format", `--cluster-id=${cluster.id}`, "--config", config]
  await promisify(execFile)(
    java,
    javaArguments(libraries, "kafka.tools.StorageTool", [...format, ...(options.formatArguments ?? [])]),
  )
  let broker: LeashedProcess | null = null
  const self: PrivateBroker = {
    address: `127.0.0.1:${ports.port}`,
    cluster,
    async start() {
      broker = startLeashed(java, javaArguments(libraries, "kafka.Kafka", [config]), { cwd: directory })
      await broker.said(/Kafka Server started/)
    },
    async kill() {
      await broker?.end("SIGKILL")
    },
    pause: () => broker?.signal("SIGSTOP"),
    resume: () => broker?.signal("SIGCONT"),
    async close() {
      await self.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
  try {
    await self.start()
  } catch (error) {
    await self.close()
    throw error
  }
  return self
}
