import { getAddress } from "ethers"
import type { OperationType } from "../../domain/operation.ts"
import type { AppContract } from "../../integrations/caregrid/app-files.ts"
import { artifacts, type RegistryAddresses } from "./registries.ts"

/** The contracts as an app of web3 loads them. */
export function getAppContracts(addresses: RegistryAddresses): Readonly<Record<OperationType, AppContract>> {
  const contract = (type: OperationType): AppContract => {
    const { contractName, abi } = artifacts[type]
    return { name: contractName, address: getAddress(addresses[type]), abi }
  }
  return {
    patient: contract("patient"),
    "ip-block": contract("ip-block"),
    "attack-signature": contract("attack-signature"),
  }
}
