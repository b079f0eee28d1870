import { randomBytes } from "node:crypto"
import { createServer } from "node:net"
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers"
import type { Infrastructure } from "./infrastructure.ts"

const projectRoot = new URL("../../..", import.meta.url).pathname
const startupTimeoutMs = 120_000

/** The same three services from their official images; Docker has to run. */
export async function startContainerInfrastructure(report: (line: string) => void): Promise<Infrastructure> {
  const started: StartedTestContainer[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(container => container.stop()))
  }
  const track = async (name: string, start: Promise<StartedTestContainer>): Promise<StartedTestContainer> => {
    const begun = performance.now()
    const container = await start
    started.push(container)
    report(`${name}: container up (${Math.round((performance.now() - begun) / 100) / 10} s)`)
    return container
  }

  const password = randomBytes(12).toString("hex")
  const kafkaPort = await freePort()
  // The first alone: it starts the container that clears up after a killed run, and each of several at once would.
  const postgres = await track("postgres", postgresContainer(password).start())
  const results = await Promise.allSettled([
    track("kafka", kafkaContainer(kafkaPort).start()),
    track("chain", chainContainer().start()),
  ])
  const failure = results.find(result => result.status === "rejected")
  if (failure) {
    await stop()
    throw failure.reason
  }
  const [kafka, chain] = results.map(result => (result as PromiseFulfilledResult<StartedTestContainer>).value)
  return {
    databaseUrl: `postgres://postgres:${password}@${address(postgres, 5432)}/postgres`,
    kafkaBrokers: [`${kafka!.getHost()}:${kafkaPort}`],
    blockchainProviderUrl: `http://${address(chain!, 8545)}`,
    stop,
  }
}

const address = (container: StartedTestContainer, port: number): string =>
  `${container.getHost()}:${container.getMappedPort(port)}`

function postgresContainer(password: string): GenericContainer {
  return (
    new GenericContainer("postgres:18")
      .withEnvironment({ POSTGRES_PASSWORD: password })
      .withCommand(["postgres", "-c", "max_connections=300", "-c", "max_prepared_transactions=20"])
      .withExposedPorts(5432)
      .withStartupTimeout(startupTimeoutMs)
      // Twice: the image starts the server once more after it has set the password.
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
  )
}

/**
 * Clients are sent to the advertised port, so it is chosen before the start. The broker needs a second listener it can
 * reach itself: with the host's alone, idempotent produce fails with NOT_ENOUGH_REPLICAS. Setting one variable drops
 * the image's whole configuration, therefore all of it is here.
 */
function kafkaContainer(hostPort: number): GenericContainer {
  return new GenericContainer("apache/kafka:4.3.0")
    .withEnvironment({
      KAFKA_NODE_ID: "1",
      KAFKA_PROCESS_ROLES: "broker,controller",
      KAFKA_LISTENERS: "HOST://0.0.0.0:9092,INSIDE://0.0.0.0:19092,CONTROLLER://0.0.0.0:9093",
      KAFKA_ADVERTISED_LISTENERS: `HOST://localhost:${hostPort},INSIDE://localhost:19092`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "HOST:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
      KAFKA_INTER_BROKER_LISTENER_NAME: "INSIDE",
      KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
      KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
      KAFKA_NUM_PARTITIONS: "3",
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false",
      KAFKA_DEFAULT_REPLICATION_FACTOR: "1",
      KAFKA_MIN_INSYNC_REPLICAS: "1",
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1",
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1",
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1",
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: "1",
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: "1",
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0",
      // The end-to-end tests kill consumers and do not wait the broker's usual 6 s for each.
      KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: "1000",
    })
    .withExposedPorts({ container: 9092, host: hostPort })
    .withStartupTimeout(startupTimeoutMs)
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
}

/** The project's own Hardhat, from the checkout: contracts/hardhat.config.ts is the one description of the chain. */
function chainContainer(): GenericContainer {
  const node = "node node_modules/hardhat/dist/src/cli.js --config contracts/hardhat.config.ts node"
  return new GenericContainer("node:24-slim")
    .withBindMounts([{ source: projectRoot, target: "/app", mode: "rw" }])
    .withWorkingDir("/app")
    .withCommand(["sh", "-c", `exec ${node} --hostname 0.0.0.0 --port 8545`])
    .withExposedPorts(8545)
    .withStartupTimeout(startupTimeoutMs)
    .withWaitStrategy(Wait.forLogMessage(/Started HTTP and WebSocket JSON-RPC server/))
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, () => {
      const bound = server.address()
      server.close(() => (bound !== null && typeof bound === "object" ? resolve(bound.port) : reject(bound)))
    })
  })
}
