import { z } from "zod"
import { type OperationKind, operationKindOf, operationKinds, operations } from "./operations/index.ts"
import { OUTCOMES } from "./outcome.ts"
import { isPosition, type Position } from "./position.ts"
import type { Subject } from "./subject.ts"

/** An immutable fact in the log. */
export interface EventRecord {
  readonly position: Position
  /** UUID, lower case. */
  readonly eventId: string
  readonly type: string
  readonly subject: Subject
  readonly payload: Readonly<Record<string, unknown>>
  readonly occurredAtMs: number
  /** W3C trace context of the request that led to it. */
  readonly traceparent: string | null
  /** The event this one follows from. */
  readonly causationId: string | null
  /** It can wait: live requests go to the chain before it. */
  readonly backfill: boolean
}

/** An event with its payload as JSON text: who only passes it on need not parse it. */
export type LoggedEvent = Omit<EventRecord, "payload"> & { readonly payloadJson: string }

export function toLogged({ payload, ...rest }: EventRecord): LoggedEvent {
  return { ...rest, payloadJson: JSON.stringify(payload) }
}

/** What is written; the log gives position, id and time. */
export type NewEvent = Pick<EventRecord, "type" | "subject" | "payload"> &
  Partial<Pick<EventRecord, "traceparent" | "causationId">>

export const FINAL_RESULTS = ["confirmed", "rejected", "superseded"] as const
export type FinalResult = (typeof FINAL_RESULTS)[number]

/** The final outcome of an operation; itself an event, caused by the operation's request. */
export const resultPayloadSchema = z.strictObject({
  operationId: z.uuid(),
  operationPosition: z
    .string()
    .regex(/^[0-9]{1,19}$/)
    .refine(isPosition),
  outcome: z.enum(OUTCOMES),
  /** Why, in the contract's terms, or `discarded:` and a dead letter's reason code; never free text. */
  reason: z
    .string()
    .max(200)
    .refine(text => !text.includes("\0"))
    .optional(),
  transactionHash: z
    .string()
    .regex(/^0x[0-9a-f]{64}$/)
    .optional(),
  blockNumber: z.int().nonnegative().optional(),
  blockHash: z
    .string()
    .regex(/^0x[0-9a-f]{64}$/)
    .optional(),
})

export type ResultPayload = z.infer<typeof resultPayloadSchema>

/** An expired block taken out of the app's table. */
export const removalPayloadSchema = z.strictObject({
  blockVersion: z
    .string()
    .regex(/^[1-9][0-9]{0,18}$/)
    .refine(isPosition),
  rows: z.int32().nonnegative(),
})

export type RemovalPayload = z.infer<typeof removalPayloadSchema>

export const IP_BLOCK_EXPIRED = operations["expire-ip-block"].requestEvent
export const IP_BLOCK_REMOVED = "ip-block.removed"

export function resultEventType(kind: OperationKind, result: FinalResult): string {
  return `${kind}.${result}`
}

const results = new Map(
  operationKinds.flatMap(kind =>
    FINAL_RESULTS.map(result => [resultEventType(kind, result), { kind, result }] as const),
  ),
)

export type EventClass =
  | { readonly class: "request"; readonly kind: OperationKind }
  | { readonly class: "result"; readonly kind: OperationKind; readonly result: FinalResult }
  | { readonly class: "removal" }

/** What an event type is; undefined for one nobody here knows. */
export function classifyEvent(type: string): EventClass | undefined {
  const kind = operationKindOf(type)
  if (kind) return { class: "request", kind }
  const result = results.get(type)
  if (result) return { class: "result", ...result }
  return type === IP_BLOCK_REMOVED ? { class: "removal" } : undefined
}

/** The payload's rules for an event type; undefined for an unknown type. */
export function payloadSchema(type: string): z.ZodType | undefined {
  const found = classifyEvent(type)
  switch (found?.class) {
    case "request":
      return operations[found.kind].payload
    case "result":
      return resultPayloadSchema
    case "removal":
      return removalPayloadSchema
    default:
      return undefined
  }
}

export const eventTypes: readonly string[] = [
  ...operationKinds.map(kind => operations[kind].requestEvent),
  ...results.keys(),
  IP_BLOCK_REMOVED,
]
