import { checkContracts } from "./adapters/ethereum/check-contracts.ts"
import { deployContracts } from "./adapters/ethereum/deploy.ts"
import { developmentKey, type KeyHolder, keyFilesIn, keyFromFile } from "./adapters/ethereum/keys.ts"
import { type ChainConnection, connectChain } from "./adapters/ethereum/provider.ts"
import { lowerHex, type RegistryAddresses } from "./adapters/ethereum/registries.ts"
import { remoteKeys } from "./adapters/ethereum/remote-signer.ts"
import { createSigner } from "./adapters/ethereum/signer.ts"
import { assertReachable } from "./adapters/postgres/check.ts"
import { closeDatabase, openDatabase, type Sql } from "./adapters/postgres/client.ts"
import { currentWriterId, setWriterId } from "./adapters/postgres/event-log/set-writer-id.ts"
import { migrate } from "./adapters/postgres/migrate.ts"
import { readMissingRoles } from "./adapters/postgres/rights.ts"
import type { Signer } from "./chain-writer/ports.ts"
import type { Config } from "./config.ts"
import { ConfigurationError } from "./runtime/errors.ts"
import { type Logger, silentLogger } from "./runtime/logger.ts"
import type { Shutdown } from "./runtime/shutdown.ts"

/** Where everything is, whether given or started here. */
export interface Connections {
  readonly databaseUrl: string
  readonly kafkaBrokers: readonly string[]
  readonly blockchainProviderUrl: string
  /** Null until contracts are deployed to an external chain. */
  readonly contracts: RegistryAddresses | null
}

/** Progress of what takes a person's time: what is done, and after it how long it took. */
export type Report = (step: string, seconds?: number) => void

const CHAIN_REQUEST_TIMEOUT_MS = 15_000
/** The first development account administers; lanes begin with the second, so that the admin key is in no lane. */
const ADMIN_ACCOUNT = 0
const FIRST_LANE_ACCOUNT = 1

/** Starts what is to be embedded; gives the addresses of that and of what is external. Stops with `shutdown`. */
export async function locateServers(
  config: Config,
  context: {
    readonly shutdown: Shutdown
    readonly report: Report
    readonly signal: AbortSignal
    readonly onLost: (message: string) => void
  },
): Promise<Connections> {
  const started = config.embedded.size > 0 ? await startServers(config, context) : undefined
  const databaseUrl = started?.databaseUrl ?? config.databaseUrl
  const kafkaBrokers = started?.kafkaBrokers ?? config.kafkaBrokers
  const blockchainProviderUrl = started?.blockchainProviderUrl ?? config.blockchainProviderUrl
  if (!databaseUrl || !kafkaBrokers || !blockchainProviderUrl)
    throw new Error("a server is neither given nor started")
  return { databaseUrl, kafkaBrokers, blockchainProviderUrl, contracts: lowerAddresses(config) }
}

async function startServers(config: Config, context: Parameters<typeof locateServers>[1]) {
  const { startEmbedded } = await import("./embedded/index.ts")
  const embedded = await startEmbedded({
    services: config.embedded,
    signal: context.signal,
    onLost: context.onLost,
    onProgress: ({ service, step, seconds, state }) =>
      context.report(`${service}: ${step}`, state === "done" ? seconds : undefined),
  })
  context.shutdown.add("embedded servers", () => embedded.stop())
  return embedded
}

export async function withDatabase<T>(databaseUrl: string, use: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = openDatabase({ url: databaseUrl, max: 2, applicationName: "reconciler-setup" })
  try {
    await assertReachable(sql)
    return await use(sql)
  } finally {
    await closeDatabase(sql)
  }
}

export interface PreparedDatabase {
  /** Names of the migrations applied. */
  readonly applied: readonly string[]
  readonly writerId: number
  /** Roles for parts of the service that the login could not make. */
  readonly missingRoles: readonly string[]
}

/** Brings the database to this version and, if `writerId` is not null, gives the branch its number. */
export async function prepareDatabase(
  databaseUrl: string,
  writerId: number | null,
): Promise<PreparedDatabase> {
  return withDatabase(databaseUrl, async sql => {
    const applied = await migrate(sql)
    const missingRoles = await readMissingRoles(sql)
    if (writerId === null) return { applied, missingRoles, writerId: await currentWriterId(sql) }
    const named = await setWriterId(sql, writerId)
    if (named.outcome === "refused") {
      throw new ConfigurationError(
        `WRITER_ID is ${writerId}, but events were written with ${named.writerId}: set WRITER_ID=${named.writerId}.`,
      )
    }
    return { applied, missingRoles, writerId }
  })
}

export async function withChain<T>(
  url: string,
  use: (connection: ChainConnection) => Promise<T>,
): Promise<T> {
  const connection = await openChain(url)
  try {
    return await use(connection)
  } finally {
    connection.close()
  }
}

export function openChain(url: string, logger: Logger = silentLogger): Promise<ChainConnection> {
  return connectChain({ url, requestTimeoutMs: CHAIN_REQUEST_TIMEOUT_MS, logger })
}

/**
 * One key a lane: the configured files' and the remote signer's, or development accounts on the development chain. One key in two files would
 * be two writers of one lane, which its lease cannot tell apart.
 */
export async function laneKeys(
  config: Pick<Config, "privateKeyFiles" | "remoteSigner" | "developmentLanes">,
  chainId: bigint,
): Promise<readonly KeyHolder[]> {
  if (config.privateKeyFiles.length > 0 || config.remoteSigner) {
    const files = (await Promise.all(config.privateKeyFiles.map(keyFilesIn))).flat()
    const keys = [...(await Promise.all(files.map(keyFromFile))), ...signerKeys(config.remoteSigner)]
    if (new Set(keys.map(key => key.address)).size < keys.length) {
      throw new ConfigurationError(
        "BLOCKCHAIN_PRIVATE_KEY_FILE and BLOCKCHAIN_SIGNER_ADDRESSES name one key twice: each lane needs its own account.",
      )
    }
    return keys
  }
  return Array.from({ length: config.developmentLanes }, (_, lane) =>
    developmentKey(chainId, FIRST_LANE_ACCOUNT + lane),
  )
}

function signerKeys(signer: Config["remoteSigner"]): readonly KeyHolder[] {
  return signer ? remoteKeys({ ...signer, addresses: signer.addresses.map(lowerHex) }) : []
}

/**
 * How long a lane's lease lasts: longer than a remote signer may take, or of two processes each would lose the lane to the
 * other while it waits for a signature, and none would ever be stored. Twice, for a third passes before it is prolonged.
 */
export function laneLeaseMs({ leaseMs, remoteSigner }: Pick<Config, "leaseMs" | "remoteSigner">): number {
  return Math.max(leaseMs, (remoteSigner?.timeoutMs ?? 0) * 2)
}

/** What signs for each lane. */
export async function laneSigners(
  config: Parameters<typeof laneKeys>[0],
  chainId: bigint,
): Promise<readonly Signer[]> {
  const keys = await laneKeys(config, chainId)
  return keys.map(key => createSigner(key, chainId))
}

export interface Deployment {
  readonly contracts: RegistryAddresses
  /** False when contracts of this version were there already. */
  readonly deployed: boolean
  readonly admin: string | null
}

/** Makes the three registries, unless `keep` holds such ones already; grants the lanes, and `alsoWriters`, the write role. */
export async function prepareContracts(
  config: Config,
  connection: ChainConnection,
  options: {
    readonly keep: RegistryAddresses | null
    readonly adminKeyFile: string | null
    readonly alsoWriters?: readonly KeyHolder["address"][]
  },
): Promise<Deployment> {
  const writers = (await laneKeys(config, connection.chainId)).map(key => key.address)
  if (options.keep) {
    const problems = await checkContracts({
      connection,
      addresses: options.keep,
      writers,
      confirmations: config.confirmations,
    })
    if (problems.length === 0) return { contracts: options.keep, deployed: false, admin: null }
    if (problems.some(problem => problem.kind !== "no-code")) {
      throw new ConfigurationError(problems.map(problem => problem.message).join("\n"))
    }
  }
  const deployer = await adminKey(connection, options.adminKeyFile)
  const contracts = await deployContracts({
    connection,
    deployer,
    writers: [...writers, ...(options.alsoWriters ?? [])],
  })
  return { contracts, deployed: true, admin: deployer.address }
}

function adminKey(connection: ChainConnection, file: string | null): Promise<KeyHolder> | KeyHolder {
  return file ? keyFromFile(file) : developmentKey(connection.chainId, ADMIN_ACCOUNT)
}

/** The three registries, made anew, whatever there is already. */
export async function newContracts(
  config: Config,
  connection: ChainConnection,
  adminKeyFile: string | null,
): Promise<RegistryAddresses> {
  const { contracts } = await prepareContracts(config, connection, { keep: null, adminKeyFile })
  return contracts
}

/** Those in the settings. Throws ConfigurationError with all that keeps the lanes from writing to them. */
export async function configuredContracts(
  config: Config,
  connection: ChainConnection,
): Promise<RegistryAddresses> {
  const addresses = lowerAddresses(config)
  if (!addresses) throw new ConfigurationError("The contracts' addresses are missing: set the three.")
  const writers = (await laneKeys(config, connection.chainId)).map(key => key.address)
  const { confirmations } = config
  const problems = await checkContracts({ connection, addresses, writers, confirmations })
  if (problems.length > 0) throw new ConfigurationError(problems.map(({ message }) => message).join("\n"))
  return addresses
}

function lowerAddresses({ contracts }: Pick<Config, "contracts">): RegistryAddresses | null {
  return (
    contracts && {
      patient: lowerHex(contracts.patient),
      "ip-block": lowerHex(contracts["ip-block"]),
      "attack-signature": lowerHex(contracts["attack-signature"]),
    }
  )
}

/** Refuses to run against contracts that nothing can be confirmed on; a pause or a missing role only halts lanes. */
export async function assertContracts(
  config: Config,
  connection: ChainConnection,
  addresses: RegistryAddresses,
  logger: Logger,
): Promise<void> {
  const writers = (await laneKeys(config, connection.chainId)).map(key => key.address)
  const problems = await checkContracts({
    connection,
    addresses,
    writers,
    confirmations: config.confirmations,
  })
  const fatal = problems.filter(({ kind }) => kind !== "paused" && kind !== "no-writer-role")
  if (fatal.length > 0) throw new ConfigurationError(fatal.map(({ message }) => message).join("\n"))
  for (const { kind, message } of problems) logger.warn({ finding: kind }, message)
}
