import type { Depth, Hex } from "../../chain-writer/ports.ts"
import type { OperationType } from "../../domain/operation.ts"
import type { ChainConnection } from "./provider.ts"
import { artifacts, operationTypes, type RegistryAddresses } from "./registries.ts"
import { createRegistry } from "./registry.ts"

export interface ContractProblem {
  /** `paused` and `no-writer-role` halt a lane until they end; with the others nothing can work. */
  readonly kind: "no-code" | "other-code" | "paused" | "no-writer-role" | "never-confirms"
  readonly message: string
}

export interface CheckOptions {
  readonly connection: ChainConnection
  readonly addresses: RegistryAddresses
  readonly writers: readonly Hex[]
  readonly confirmations: Depth
}

/** What is wrong with the configured contracts, all at once; empty when all is well. */
export async function checkContracts(options: CheckOptions): Promise<readonly ContractProblem[]> {
  const found = await Promise.all(operationTypes.map(type => checkRegistry(options, type)))
  return [...found.flat(), ...(await checkConfirmations(options))]
}

async function checkRegistry(
  { connection, addresses, writers }: CheckOptions,
  type: OperationType,
): Promise<ContractProblem[]> {
  const { contractName, deployedBytecode } = artifacts[type]
  const address = addresses[type]
  const code = await connection.provider.getCode(address)
  const where = `${contractName} at ${address} on chain ${connection.chainId}`
  if (code === "0x") {
    return [{ kind: "no-code", message: `${where}: there is no contract. Check the address and the chain.` }]
  }
  if (code !== deployedBytecode) {
    return [{ kind: "other-code", message: `${where}: this is another contract, or another version of it.` }]
  }
  const registry = createRegistry(connection, type, address)
  const problems = writers.map(async (writer): Promise<ContractProblem[]> => {
    const kind = await registry.obstacle(writer)
    if (kind === "paused") return [{ kind, message: `${where} is paused: lanes wait until it is unpaused.` }]
    if (kind === "no-writer-role") {
      return [{ kind, message: `${where}: lane ${writer} may not write. Grant it WRITER_ROLE.` }]
    }
    return []
  })
  return (await Promise.all(problems)).flat()
}

/** Where a block is only made when a transaction comes, the blocks on top of the last one never come. */
async function checkConfirmations(options: CheckOptions): Promise<ContractProblem[]> {
  if (options.confirmations === 1) return []
  // Only development nodes know the method, and only they mine on demand.
  const automine: unknown = await options.connection.provider
    .send("hardhat_getAutomine", [])
    .catch(() => false)
  if (automine !== true) return []
  const message = `This chain mines on demand: ${options.confirmations} ${options.confirmations === "finalized" ? "blocks" : "confirmations"} never come. Set BLOCKCHAIN_CONFIRMATIONS=1.`
  return [{ kind: "never-confirms", message }]
}
