import { classifyEvent, type EventRecord, type FinalResult, type ResultPayload } from "../domain/event.ts"
import { blockIp } from "../domain/operations/block-ip.ts"
import { expireIpBlock } from "../domain/operations/expire-ip-block.ts"
import type { OperationKind } from "../domain/operations/index.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"

/** `flag`: tell the row that its operation is on the chain. `remove`: take the row of an automatic block out at its end. */
export type Action = "flag" | "remove"

interface Effect {
  readonly table: AppTable
  readonly actions: Partial<Record<FinalResult, Action>>
}

/**
 * Which table of the app a result changes, and how. What is not here changes nothing there. A block's row goes once
 * nothing is left to end on the chain: its expiry came back, whatever the answer, or the block never came to stand there.
 */
const EFFECTS: Partial<Record<OperationKind, Effect>> = {
  "register-patient": { table: "core_patient", actions: { confirmed: "flag" } },
  "block-ip": {
    table: "firewall_blockedip",
    actions: { confirmed: "flag", superseded: "remove", rejected: "remove" },
  },
  "expire-ip-block": {
    table: "firewall_blockedip",
    actions: { confirmed: "remove", superseded: "remove", rejected: "remove" },
  },
  "add-attack-signature": { table: "firewall_attackpattern", actions: { confirmed: "flag" } },
}

export type AppTable = "core_patient" | "firewall_blockedip" | "firewall_attackpattern"

/** One finished operation that the app's tables are to hear of. */
export interface Work {
  readonly table: AppTable
  readonly action: Action
  readonly subject: Subject
  readonly operationId: string
  readonly operationPosition: Position
  readonly transactionHash: string | null
  readonly traceparent: string | null
}

/** Null for what the app's tables need not hear of: requests, unblocks, patients and signatures that did not come to be. */
export function workOf(event: EventRecord): Work | null {
  const found = classifyEvent(event.type)
  if (found?.class !== "result") return null
  const effect = EFFECTS[found.kind]
  const action = effect?.actions[found.result]
  if (!effect || !action) return null
  const payload = event.payload as ResultPayload
  return {
    table: effect.table,
    action,
    subject: event.subject,
    operationId: payload.operationId,
    operationPosition: BigInt(payload.operationPosition),
    transactionHash: payload.transactionHash ?? null,
    traceparent: event.traceparent,
  }
}

export interface EndedBlock {
  readonly version: Position
  /** Unix seconds. */
  readonly expiresAt: number
}

/**
 * The block that a removal is of, by the request of the operation that came back: the one an expiry names, or the block
 * itself. Null for a manual block, which has no end, and for a request that was rejected because nobody can read it.
 */
export function endedBlock({
  position,
  payload,
}: {
  readonly position: Position
  readonly payload: unknown
}): EndedBlock | null {
  const expiry = expireIpBlock.payload.safeParse(payload)
  if (expiry.success) {
    return { version: BigInt(expiry.data.blockVersion), expiresAt: expiry.data.expiresAt }
  }
  const block = blockIp.payload.safeParse(payload)
  if (!block.success || block.data.manual) return null
  return { version: position, expiresAt: block.data.expiresAt }
}
