import { Interface } from "ethers"
import type { Hex } from "../../chain-writer/ports.ts"
import type { OperationType } from "../../domain/operation.ts"
import { attackSignatureRegistry, blockedIpRegistry, patientRegistry } from "./artifacts.generated.ts"

/** The contract that each operation type is written to. */
export const artifacts = {
  patient: patientRegistry,
  "ip-block": blockedIpRegistry,
  "attack-signature": attackSignatureRegistry,
} as const satisfies Record<OperationType, unknown>

export type RegistryAddresses = Readonly<Record<OperationType, Hex>>

export const operationTypes = Object.keys(artifacts) as readonly OperationType[]

/** The code that has to be at each address. */
export function expectedCode(addresses: RegistryAddresses): ReadonlyMap<Hex, Hex> {
  return new Map(operationTypes.map(type => [addresses[type], lowerHex(artifacts[type].deployedBytecode)]))
}

/** What the registries have in common: writing, roles, pause, states. */
export const registryInterface = new Interface(patientRegistry.abi)

/** An address or hash in the one spelling used inside: lower case, without ethers' checksum. */
export function lowerHex(text: string): Hex {
  return `0x${text.slice(2).toLowerCase()}`
}
