import { ContractFactory } from "ethers"
import type { Hex } from "../../chain-writer/ports.ts"
import { ConfigurationError } from "../../runtime/errors.ts"
import { classifyBroadcastError } from "./classify.ts"
import type { KeyHolder } from "./keys.ts"
import type { ChainConnection } from "./provider.ts"
import {
  artifacts,
  lowerHex,
  operationTypes,
  type RegistryAddresses,
  registryInterface,
} from "./registries.ts"
import { WRITER_ROLE } from "./registry.ts"
import { sendCalls } from "./send.ts"

export interface DeployOptions {
  readonly connection: ChainConnection
  /** Becomes the registries' admin: may grant the write role and pause. Keep it out of the lanes. */
  readonly deployer: KeyHolder
  /** The lanes' accounts: each gets the write role on each registry. */
  readonly writers: readonly Hex[]
  /** For each of the two steps. */
  readonly timeoutMs?: number
}

/**
 * Makes the three registries and lets the writers write. Throws as sendCalls does, and ConfigurationError (exit code 78)
 * when the deployer cannot pay; what was mined by then stays.
 */
export async function deployContracts(options: DeployOptions): Promise<RegistryAddresses> {
  try {
    return await deployAll(options)
  } catch (error) {
    throw isOutOfFunds(error)
      ? new ConfigurationError(`Account ${options.deployer.address} cannot pay for the deployment: fund it.`)
      : error
  }
}

/** The error itself quotes the whole transaction. */
function isOutOfFunds(error: unknown): boolean {
  return classifyBroadcastError(error, "0x").kind === "insufficient-funds"
}

async function deployAll(options: DeployOptions): Promise<RegistryAddresses> {
  const { connection, deployer, timeoutMs = 120_000 } = options
  const creations = await Promise.all(operationTypes.map(type => creation(type, deployer.address)))
  const receipts = await sendCalls(connection, deployer, creations, timeoutMs)
  const [patient, ipBlock, attackSignature] = receipts.map(({ contractAddress }) => contractAddress)
  if (!patient || !ipBlock || !attackSignature) throw new Error("a contract was made without an address")
  const addresses = {
    patient: lowerHex(patient),
    "ip-block": lowerHex(ipBlock),
    "attack-signature": lowerHex(attackSignature),
  }
  const grants = operationTypes.flatMap(type =>
    options.writers.map(writer => ({
      to: addresses[type],
      data: registryInterface.encodeFunctionData("grantRole", [WRITER_ROLE, writer]),
    })),
  )
  await sendCalls(connection, deployer, grants, timeoutMs)
  return addresses
}

async function creation(type: (typeof operationTypes)[number], admin: Hex) {
  const { abi, bytecode } = artifacts[type]
  const { data } = await new ContractFactory(abi, bytecode).getDeployTransaction(admin)
  return { to: null, data }
}
