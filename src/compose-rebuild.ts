import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { createLedger } from "./adapters/ethereum/ledger.ts"
import { measureGasCosts } from "./adapters/ethereum/measure-gas.ts"
import type { ChainConnection } from "./adapters/ethereum/provider.ts"
import { operationTypes } from "./adapters/ethereum/registries.ts"
import { createRegistry } from "./adapters/ethereum/registry.ts"
import { createArchiveFiles } from "./adapters/files/archive-files.ts"
import { createDeployments } from "./adapters/postgres/chain-writer/deployments.ts"
import { createLaneLevers } from "./adapters/postgres/chain-writer/lane-levers.ts"
import { createLanes } from "./adapters/postgres/chain-writer/lanes.ts"
import { createRebuildPlan } from "./adapters/postgres/chain-writer/rebuild-plan.ts"
import { createTransactionLog } from "./adapters/postgres/chain-writer/transaction-log.ts"
import { assertMigrated, assertReachable } from "./adapters/postgres/check.ts"
import { closeDatabase, openDatabase, type Sql } from "./adapters/postgres/client.ts"
import { readHistory } from "./adapters/postgres/log-archive/read-history.ts"
import type { Contracts, Deployments } from "./chain-writer/deployment-ports.ts"
import type { Ledger, Registry, Signer } from "./chain-writer/ports.ts"
import type { History } from "./chain-writer/rebuild/plan-from-log.ts"
import type { RebuildOptions } from "./chain-writer/rebuild/rebuild.ts"
import { createLaneWriter, type LaneWriterOptions } from "./chain-writer/writer.ts"
import type { Config } from "./config.ts"
import { laneLeaseMs, laneSigners } from "./infrastructure.ts"
import type { Clock } from "./runtime/clock.ts"
import { linkedSignal } from "./runtime/linked-signal.ts"
import type { Logger } from "./runtime/logger.ts"
import type { Shutdown } from "./runtime/shutdown.ts"
import { runTicker } from "./runtime/ticker.ts"

const POOL_CONNECTIONS = 10
const IDLE_MS = 50
const LOOK_MS = 250

export interface RebuildTools {
  readonly deployments: Deployments
  readonly history: History
  readonly ledger: Ledger
  readonly parts: Pick<
    RebuildOptions,
    "deployments" | "plan" | "levers" | "history" | "registriesOf" | "runLanes" | "clock"
  >
}

interface RebuildContext {
  readonly config: Config
  readonly databaseUrl: string
  readonly connection: ChainConnection
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  readonly shutdown: Shutdown
}

/** Opens what a rebuild works with; closed by `shutdown`, but for the connection. */
export async function composeRebuild(context: RebuildContext): Promise<RebuildTools> {
  const { config, databaseUrl, connection, clock, shutdown } = context
  const sql = openDatabase({
    url: databaseUrl,
    max: POOL_CONNECTIONS,
    applicationName: "reconciler-rebuild",
  })
  shutdown.add("rebuild database", () => closeDatabase(sql))
  await assertReachable(sql)
  await assertMigrated(sql)
  const files = config.logArchiveDirectory === null ? null : createArchiveFiles(config.logArchiveDirectory)
  const deployments = createDeployments(sql)
  const history = () => readHistory(sql, files)
  const ledger = createLedger(connection)
  return {
    deployments,
    history,
    ledger,
    parts: {
      deployments,
      plan: createRebuildPlan(sql),
      levers: createLaneLevers(sql),
      history,
      registriesOf: contracts => registriesOf(connection, contracts),
      runLanes: lanesOf(context, sql, ledger),
      clock,
    },
  }
}

function registriesOf(connection: ChainConnection, contracts: Contracts): readonly Registry[] {
  return operationTypes.map(type => createRegistry(connection, type, contracts[type]))
}

/** The same lane writers as the service's, in this process, for as long as they are needed. */
function lanesOf(context: RebuildContext, sql: Sql, ledger: Ledger): RebuildOptions["runLanes"] {
  const { config, connection, clock, logger, signal } = context
  const holder = `${hostname()}:${process.pid}:${randomUUID()}`
  return async (rebuild, registries, done) => {
    const signers = await laneSigners(config, connection.chainId)
    const gas = await gasCosts(connection, registries, signers)
    const shared: Omit<LaneWriterOptions, "signer"> = {
      lanes: createLanes(sql, { rebuild: rebuild.id }),
      log: createTransactionLog(sql, { rebuild: rebuild.id }),
      ledger,
      registries,
      clock,
      logger,
      holder,
      leaseMs: laneLeaseMs(config),
      maxRecords: config.batchSize,
      maxInFlight: config.batchesInFlight,
      confirmations: config.confirmations,
      stuckMs: config.confirmationTimeoutMs,
      ...gas,
    }
    using stop = linkedSignal(signal)
    const running = signers.map(async signer => {
      const writer = createLaneWriter({ ...shared, signer })
      await runTicker(writer, { clock, logger, signal: stop.signal, idleMs: IDLE_MS })
      await writer.release().catch((error: unknown) => logger.debug({ err: error }, "lease not given back"))
    })
    try {
      while (!(await done())) {
        await clock.sleep(LOOK_MS, signal)
        signal.throwIfAborted()
      }
    } finally {
      stop.abort()
      await Promise.all(running)
    }
  }
}

async function gasCosts(
  connection: ChainConnection,
  registries: readonly Registry[],
  signers: readonly Signer[],
): Promise<Pick<LaneWriterOptions, "gas">> {
  const patient = registries.find(({ type }) => type === "patient")
  const [first] = signers
  return patient && first ? { gas: await measureGasCosts(connection, patient.address, first.address) } : {}
}
