import { z } from "zod"
import { defineOperation } from "../operation.ts"
import { encodeWord, FLAG, operationTag } from "../word.ts"

export const registerPatient = defineOperation({
  kind: "register-patient",
  type: "patient",
  requestEvent: "register-patient.requested",
  requestableByApp: true,
  payload: z.strictObject({}),
  word: operation =>
    encodeWord({
      version: operation.position,
      tag: operationTag(operation.eventId),
      expirySeconds: 0,
      timeSeconds: Math.floor(operation.occurredAtMs / 1000),
      flags: FLAG.exists | FLAG.active,
    }),
})
