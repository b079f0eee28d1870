import { randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inject } from "vitest"
import { keyFromHex } from "../../src/adapters/ethereum/keys.ts"
import { setWriterId } from "../../src/adapters/postgres/event-log/set-writer-id.ts"
import { createStatusSources } from "../../src/adapters/postgres/status.ts"
import { type ComposeOptions, compose } from "../../src/compose.ts"
import { type Config, readConfig } from "../../src/config.ts"
import { createCareGridTables } from "../../src/integrations/caregrid/create-tables.ts"
import { runServices } from "../../src/run-services.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { createShutdown } from "../../src/runtime/shutdown.ts"
import { ROLES, type Role } from "../../src/settings.ts"
import type { TestChain } from "./chain.ts"
import { createTestDatabase, type TestDatabase } from "./database.ts"

/** One hospital: its database with the app's tables, its topics, its lanes; on a chain that others may share. */
export interface TestBranch {
  readonly database: TestDatabase
  readonly config: Config
  readonly status: ReturnType<typeof createStatusSources>
  /** What a process of this branch needs in its environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Runs roles in this process. */
  start(
    options?: { roles?: readonly Role[] } & Pick<ComposeOptions, "aroundPublisher">,
  ): Promise<RunningRoles>
  /** Fails if something was left open. */
  close(): Promise<void>
}

export interface RunningRoles {
  /** Resolves when all have stopped; rejects if one was broken. */
  stop(): Promise<void>
}

export async function createBranch(
  chain: TestChain,
  options: {
    readonly writerId?: number
    readonly lanes?: number
    /** Over the usual ones. */
    readonly settings?: Readonly<Record<string, string>>
  } = {},
): Promise<TestBranch> {
  const { writerId = 0, lanes = 2, settings = {} } = options
  const database = await createTestDatabase({ max: 16 })
  await createCareGridTables(database.sql)
  await setWriterId(database.sql, writerId)
  const directory = await mkdtemp(join(tmpdir(), "reconciler-lanes-"))
  const keyFiles: string[] = []
  // One after the other: the admin's transactions need nonces in order.
  for (let lane = 0; lane < lanes; lane += 1) keyFiles.push(await laneKeyFile(chain, directory))
  const environment = {
    DATABASE_URL: database.url,
    KAFKA_BROKERS: inject("kafkaBrokers").join(","),
    BLOCKCHAIN_PROVIDER_URL: inject("blockchainProviderUrl"),
    PATIENT_REGISTRY_ADDRESS: chain.addresses.patient,
    BLOCKED_IP_REGISTRY_ADDRESS: chain.addresses["ip-block"],
    ATTACK_SIGNATURE_REGISTRY_ADDRESS: chain.addresses["attack-signature"],
    BLOCKCHAIN_PRIVATE_KEY_FILE: keyFiles.join(","),
    TOPIC_PREFIX: `test-${randomBytes(6).toString("hex")}`,
    WRITER_ID: String(writerId),
    LEASE_MS: "1000",
    KAFKA_SESSION_TIMEOUT_MS: "2000",
    LOG_LEVEL: "warn",
    LOG_FORMAT: "json",
    ...settings,
  }
  const config = readConfig(environment)
  return {
    database,
    config,
    environment,
    status: createStatusSources(database.sql),
    start: ({ roles = ROLES, ...rest } = {}) => startRoles({ config, chain, database, roles, ...rest }),
    async close() {
      await rm(directory, { recursive: true, force: true })
      await database.drop()
    },
  }
}

async function laneKeyFile(chain: TestChain, directory: string): Promise<string> {
  const key = `0x${randomBytes(32).toString("hex")}`
  const { address } = keyFromHex(key)
  await chain.setBalance(address, 10n ** 21n)
  await chain.grantWriter(address)
  const path = join(directory, address)
  await writeFile(path, key, { mode: 0o600 })
  return path
}

async function startRoles(options: {
  readonly config: Config
  readonly chain: TestChain
  readonly database: TestDatabase
  readonly roles: readonly Role[]
  readonly aroundPublisher?: ComposeOptions["aroundPublisher"]
}): Promise<RunningRoles> {
  const { config, chain, database, aroundPublisher } = options
  const shutdown = createShutdown()
  const services = await compose({
    config,
    connections: {
      databaseUrl: database.url,
      kafkaBrokers: inject("kafkaBrokers"),
      blockchainProviderUrl: inject("blockchainProviderUrl"),
      contracts: chain.addresses,
    },
    roles: new Set(options.roles),
    clock: systemClock,
    logger: silentLogger,
    shutdown,
    ...(aroundPublisher && { aroundPublisher }),
  })
  const running = new AbortController()
  const ended = runServices(services, running.signal)
  // Told by stop(); until then it must not be an unhandled rejection.
  ended.catch(() => undefined)
  return {
    async stop() {
      running.abort()
      try {
        await ended
      } finally {
        await shutdown.close()
      }
    },
  }
}
