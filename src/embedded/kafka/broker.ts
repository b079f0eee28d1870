import { randomBytes } from "node:crypto"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type ChildCommand, runChild, startChild } from "../child.ts"
import { EmbeddedError } from "../error.ts"
import { freePort, withPort } from "../ports.ts"
import type { RunningService, ServiceContext } from "../service.ts"
import { findJava } from "./java.ts"
import { fetchLibraries, librariesDirectory } from "./libraries.ts"

const loggingConfig = fileURLToPath(new URL("./log4j2.xml", import.meta.url))

/** A small heap and the first compiler tier only: a broker for one machine starts in seconds and stays at 400 MB. */
const jvmFlags = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]

/** Starts Apache Kafka as one process, broker and KRaft controller in one, and resolves when it accepts clients. */
export async function startKafka(context: ServiceContext, requestedPort?: number): Promise<RunningService> {
  const { footprint, environment, step } = context
  const java = await findJava(environment)
  const libraries = librariesDirectory(environment)
  if (!existsSync(libraries)) {
    await step("fetch Apache Kafka from Maven Central", () =>
      fetchLibraries(footprint, libraries, environment),
    )
  }
  const runJava = (mainClass: string, args: readonly string[]): ChildCommand => ({
    command: java,
    args: [
      ...jvmFlags,
      `-Dlog4j2.configurationFile=${loggingConfig}`,
      "-cp",
      join(libraries, "*"),
      mainClass,
      ...args,
    ],
    cwd: footprint.directory,
    role: "group",
  })

  return step("start the broker", () =>
    withPort("embedded Apache Kafka", requestedPort, async port => {
      const config = join(footprint.directory, `kafka-${port}.properties`)
      writeFileSync(
        config,
        brokerProperties(port, await freePort(), join(footprint.directory, `kafka-${port}`)),
      )
      const clusterId = randomBytes(16).toString("base64url")
      // With "=": one id in 64 begins with "-" and would be taken for an option.
      const format = ["format", `--cluster-id=${clusterId}`, "--config", config]
      const formatted = await runChild(footprint, runJava("kafka.tools.StorageTool", format))
      if (formatted.exitCode !== 0)
        throw new EmbeddedError(`Apache Kafka's storage cannot be made.\n${formatted.tail}`)

      const child = await startChild(footprint, runJava("kafka.Kafka", [config]))
      if (await child.line(/Kafka Server started/)) {
        return { pid: child.pid, address: `127.0.0.1:${port}`, exited: child.exited, tail: child.tail }
      }
      if (/already in use|BindException/.test(child.tail())) return "port-taken"
      throw new EmbeddedError(`Apache Kafka did not start.\n${child.tail()}`)
    }),
  )
}

/** One replica of everything; topics are made on purpose only, and small internal ones make the first consumer fast. */
function brokerProperties(port: number, controllerPort: number, dataDirectory: string): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listeners=CLIENTS://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=CLIENTS://127.0.0.1:${port}
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${dataDirectory}
num.partitions=3
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
`
}
