import { z } from "zod"
import { defineOperation } from "../operation.ts"
import { encodeWord, FLAG, operationTag, severityFlags } from "../word.ts"

export const addAttackSignature = defineOperation({
  kind: "add-attack-signature",
  type: "attack-signature",
  requestEvent: "add-attack-signature.requested",
  requestableByApp: true,
  payload: z.strictObject({ severity: z.int().min(1).max(10) }),
  word: operation =>
    encodeWord({
      version: operation.position,
      tag: operationTag(operation.eventId),
      expirySeconds: 0,
      timeSeconds: Math.floor(operation.occurredAtMs / 1000),
      flags: FLAG.exists | FLAG.active | severityFlags(operation.payload.severity),
    }),
})
