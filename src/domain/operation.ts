import type { z } from "zod"
import type { Position } from "./position.ts"
import type { Subject } from "./subject.ts"

/** What a topic and a contract are made for; all operations of one subject are of one type. */
export type OperationType = "patient" | "ip-block" | "attack-signature"

/** One intent to change the chain, as the chain writer gets it. */
export interface Operation<Payload> {
  readonly eventId: string
  readonly position: Position
  readonly subject: Subject
  readonly occurredAtMs: number
  readonly payload: Payload
}

/** All there is to know about one operation; one file each in `operations/`. */
export interface OperationDefinition<Kind extends string, Payload> {
  readonly kind: Kind
  readonly type: OperationType
  /** The event that asks for it. */
  readonly requestEvent: string
  /** False for what only this system asks for: `append` refuses it from outside. */
  readonly requestableByApp: boolean
  readonly payload: z.ZodType<Payload>
  /** The contract's record word. */
  readonly word: (operation: Operation<Payload>) => bigint
}

export function defineOperation<const Kind extends string, Payload>(
  definition: OperationDefinition<Kind, Payload>,
): OperationDefinition<Kind, Payload> {
  return definition
}
