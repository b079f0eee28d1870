import { classifyEvent, type EventRecord, type ResultPayload } from "../domain/event.ts"
import type { OperationKind } from "../domain/operations/index.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"

/** `flag`: tell the row that its operation is on the chain. `remove`: take the row of an expired block out. */
export type Action = "flag" | "remove"

/** Which table of the app a confirmed operation changes, and how. What is not here changes nothing there. */
const ACTIONS: Partial<Record<OperationKind, { readonly table: AppTable; readonly action: Action }>> = {
  "register-patient": { table: "core_patient", action: "flag" },
  "block-ip": { table: "firewall_blockedip", action: "flag" },
  "expire-ip-block": { table: "firewall_blockedip", action: "remove" },
  "add-attack-signature": { table: "firewall_attackpattern", action: "flag" },
}

export type AppTable = "core_patient" | "firewall_blockedip" | "firewall_attackpattern"

/** One confirmed operation that the app's tables are to hear of. */
export interface Work {
  readonly table: AppTable
  readonly action: Action
  readonly subject: Subject
  readonly operationId: string
  readonly operationPosition: Position
  readonly transactionHash: string | null
  readonly traceparent: string | null
}

/** Null for what the app's tables need not hear of: requests, rejected and superseded operations, unblocks. */
export function workOf(event: EventRecord): Work | null {
  const found = classifyEvent(event.type)
  if (found?.class !== "result" || found.result !== "confirmed") return null
  const target = ACTIONS[found.kind]
  if (!target) return null
  const payload = event.payload as ResultPayload
  return {
    ...target,
    subject: event.subject,
    operationId: payload.operationId,
    operationPosition: BigInt(payload.operationPosition),
    transactionHash: payload.transactionHash ?? null,
    traceparent: event.traceparent,
  }
}
