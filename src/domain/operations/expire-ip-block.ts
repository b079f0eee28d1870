import { z } from "zod"
import { defineOperation } from "../operation.ts"
import { isPosition } from "../position.ts"
import { encodeWord, FLAG } from "../word.ts"
import { expirySecondsSchema } from "./block-ip.ts"

/** The block that is over: its own version and tag, so that a renewal meanwhile makes this expiry void. */
const payload = z.strictObject({
  blockVersion: z
    .string()
    .regex(/^[1-9][0-9]{0,18}$/)
    .refine(isPosition),
  blockTag: z.string().regex(/^[0-9a-f]{16}$/),
  expiresAt: expirySecondsSchema,
})

/** Asked for by `ip-block.expired`, which the projector appends: the event is the request for the chain's cleanup. */
export const expireIpBlock = defineOperation({
  kind: "expire-ip-block",
  type: "ip-block",
  requestEvent: "ip-block.expired",
  requestableByApp: false,
  payload,
  word: operation =>
    encodeWord({
      version: BigInt(operation.payload.blockVersion),
      tag: BigInt(`0x${operation.payload.blockTag}`),
      expirySeconds: operation.payload.expiresAt,
      timeSeconds: Math.floor(operation.occurredAtMs / 1000),
      flags: FLAG.expire,
    }),
})
