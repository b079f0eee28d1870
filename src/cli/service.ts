import type { Hex } from "../chain-writer/ports.ts"
import { type ComposeOptions, compose } from "../compose.ts"
import type { Config } from "../config.ts"
import {
  type Connections,
  locateServers,
  prepareContracts,
  prepareDatabase,
  type Report,
  withChain,
  withDatabase,
} from "../infrastructure.ts"
import type { Service } from "../pipeline.ts"
import { ConfigurationError, UnavailableError } from "../runtime/errors.ts"
import type { Logger } from "../runtime/logger.ts"
import { createShutdown, type Shutdown } from "../runtime/shutdown.ts"
import type { Role } from "../settings.ts"
import type { CliContext } from "./context.ts"
import { reported } from "./progress.ts"

export interface StartedService {
  readonly connections: ComposeOptions["connections"]
  readonly services: readonly Service[]
}

export interface StartOptions {
  readonly config: Config
  readonly roles: ReadonlySet<Role>
  readonly logger: Logger
  readonly report: Report
  readonly shutdown: Shutdown
  /** Ends the command when an embedded server has died. */
  readonly onLost: (error: Error) => void
  /** Accounts beside the lanes that get the write role on an embedded chain. */
  readonly alsoWriters?: readonly Hex[]
}

/** Servers, database, contracts, then the roles' services; what is embedded is set up, what is external only checked. */
export async function startService(context: CliContext, options: StartOptions): Promise<StartedService> {
  const { config, report, logger, shutdown } = options
  const located = await locateServers(config, {
    shutdown,
    report,
    signal: context.signal,
    onLost: message => options.onLost(new UnavailableError(message)),
  })
  if (config.embedded.has("postgres")) {
    await reported(report, "migrating the database", () =>
      prepareEmbeddedDatabase(config, located.databaseUrl),
    )
  }
  const contracts =
    located.contracts ?? (await reported(report, "deploying the contracts", () => deploy(located, options)))
  context.signal.throwIfAborted()
  const connections = { ...located, contracts }
  const services = await reported(report, "starting the roles", () =>
    compose({ config, connections, roles: options.roles, clock: context.clock, logger, shutdown }),
  )
  return { connections, services }
}

/** A throwaway database has no app: it gets CareGrid's tables too, so that write-back has something to write to. */
async function prepareEmbeddedDatabase(config: Config, databaseUrl: string): Promise<void> {
  await prepareDatabase(databaseUrl, config.writerId)
  const { createCareGridTables } = await import("../integrations/caregrid/create-tables.ts")
  await withDatabase(databaseUrl, sql => createCareGridTables(sql, config.appSchema))
}

async function deploy(located: Connections, options: StartOptions) {
  const { config, alsoWriters = [] } = options
  if (!config.embedded.has("chain"))
    throw new ConfigurationError("Contract addresses are missing: run `reconciler deploy`.")
  const deployment = await withChain(located.blockchainProviderUrl, connection =>
    prepareContracts(config, connection, { keep: null, adminKeyFile: null, alsoWriters }),
  )
  return deployment.contracts
}

/**
 * Runs `use` with something to close, and closes it whatever happens; a shutdown fault does not hide the real one.
 * Told without stacks: it is what follows from a server that is gone already, and leases run out by themselves.
 */
export async function withShutdown<T>(logger: Logger, use: (shutdown: Shutdown) => Promise<T>): Promise<T> {
  const shutdown = createShutdown()
  try {
    return await use(shutdown)
  } finally {
    await shutdown
      .close()
      .catch((error: unknown) => logger.warn({ failures: reasonsOf(error) }, "shutdown was not clean"))
  }
}

function reasonsOf(error: unknown): readonly string[] {
  const failures: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  return failures.map(failure => {
    if (!(failure instanceof Error)) return String(failure)
    return failure.cause instanceof Error ? `${failure.message}: ${failure.cause.message}` : failure.message
  })
}
