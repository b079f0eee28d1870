import { z } from "zod"
import { defineOperation } from "../operation.ts"
import { encodeWord, FLAG, operationTag } from "../word.ts"

export const deactivatePatient = defineOperation({
  kind: "deactivate-patient",
  type: "patient",
  requestEvent: "deactivate-patient.requested",
  requestableByApp: true,
  payload: z.strictObject({}),
  word: operation =>
    encodeWord({
      version: operation.position,
      tag: operationTag(operation.eventId),
      expirySeconds: 0,
      timeSeconds: Math.floor(operation.occurredAtMs / 1000),
      flags: FLAG.exists,
    }),
})
