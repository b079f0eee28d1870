import type { OperationDefinition } from "../operation.ts"
import { addAttackSignature } from "./add-attack-signature.ts"
import { blockIp } from "./block-ip.ts"
import { deactivatePatient } from "./deactivate-patient.ts"
import { expireIpBlock } from "./expire-ip-block.ts"
import { registerPatient } from "./register-patient.ts"
import { unblockIp } from "./unblock-ip.ts"

/** Every operation there is. Adding one is a file beside this, and its name here. */
export const operations = {
  "register-patient": registerPatient,
  "deactivate-patient": deactivatePatient,
  "block-ip": blockIp,
  "unblock-ip": unblockIp,
  "add-attack-signature": addAttackSignature,
  "expire-ip-block": expireIpBlock,
} as const

export type OperationKind = keyof typeof operations

export const operationKinds = Object.keys(operations) as readonly OperationKind[]

/** A definition whose payload is parsed by itself before use, for code that handles all kinds alike. */
export type AnyOperationDefinition = OperationDefinition<OperationKind, unknown>

export function operationDefinition(kind: OperationKind): AnyOperationDefinition {
  return operations[kind] as AnyOperationDefinition
}

const byRequestEvent = new Map(operationKinds.map(kind => [operations[kind].requestEvent as string, kind]))

/** The operation an event asks for; undefined for results, removals and unknown types. */
export function operationKindOf(eventType: string): OperationKind | undefined {
  return byRequestEvent.get(eventType)
}
