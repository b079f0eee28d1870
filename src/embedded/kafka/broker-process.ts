import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** A small heap and the first compiler tier only: a broker for one machine starts in seconds and stays at 400 MB. */
const jvmFlags = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]

const loggingConfig = fileURLToPath(new URL("./log4j2.xml", import.meta.url))

/** How `java` is called for one of Kafka's programs, with its jar files in the directory `libraries`. */
export function javaArguments(libraries: string, mainClass: string, args: readonly string[]): string[] {
  const logging = `-Dlog4j2.configurationFile=${loggingConfig}`
  return [...jvmFlags, logging, "-cp", join(libraries, "*"), mainClass, ...args]
}

export interface BrokerPlace {
  readonly port: number
  readonly controllerPort: number
  readonly dataDirectory: string
}

/** One replica of everything; topics are made on purpose only, and small internal ones make the first consumer fast. */
export function brokerProperties({ port, controllerPort, dataDirectory }: BrokerPlace): string {
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
