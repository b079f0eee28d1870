import { z } from "zod"
import { defineOperation } from "../operation.ts"
import { encodeWord, FLAG, operationTag } from "../word.ts"

/** Unix seconds that fit the word's 40 bits. */
export const expirySecondsSchema = z
  .int()
  .min(1)
  .max(2 ** 40 - 1)

/** An automatic block has an expiry; a manual one never expires, so it must not have one. */
const payload = z.union([
  z.strictObject({ manual: z.literal(false), expiresAt: expirySecondsSchema }),
  z.strictObject({ manual: z.literal(true) }),
])

export type BlockIpPayload = z.infer<typeof payload>

export const blockIp = defineOperation({
  kind: "block-ip",
  type: "ip-block",
  requestEvent: "block-ip.requested",
  requestableByApp: true,
  payload,
  word: operation =>
    encodeWord({
      version: operation.position,
      tag: operationTag(operation.eventId),
      expirySeconds: operation.payload.manual ? 0 : operation.payload.expiresAt,
      timeSeconds: Math.floor(operation.occurredAtMs / 1000),
      flags: FLAG.exists | FLAG.active | (operation.payload.manual ? FLAG.manual : 0),
    }),
})
