import { z } from "zod"
import { type EventRecord, type LoggedEvent, payloadSchema } from "../domain/event.ts"
import { isPosition } from "../domain/position.ts"
import { isSubject } from "../domain/subject.ts"
import { TRACEPARENT } from "../domain/traceparent.ts"
import type { Message, OutgoingMessage } from "./message.ts"

/** CloudEvents 1.0, Kafka protocol binding, binary mode: attributes are `ce_` headers, the value is the data. */
const SOURCE = "/caregrid/reconciler"
const TYPE_PREFIX = "caregrid."

export function toMessage(event: LoggedEvent, topic: string): OutgoingMessage {
  return {
    topic,
    key: event.subject,
    value: event.payloadJson,
    headers: {
      "content-type": "application/json",
      ce_specversion: "1.0",
      ce_id: event.eventId,
      ce_source: SOURCE,
      ce_type: TYPE_PREFIX + event.type,
      ce_subject: event.subject,
      ce_time: new Date(event.occurredAtMs).toISOString(),
      ce_position: event.position.toString(),
      ...(event.traceparent === null ? {} : { ce_traceparent: event.traceparent }),
      ...(event.causationId === null ? {} : { ce_causationid: event.causationId }),
      ...(event.backfill ? { ce_backfill: "true" } : {}),
    },
  }
}

/** What passes here can be stored: a number or a NUL that the database refuses would come again and again for ever. */
const headersSchema = z.object({
  ce_specversion: z.literal("1.0"),
  ce_id: z.uuid(),
  ce_type: z.string().startsWith(TYPE_PREFIX),
  ce_subject: z.string().refine(isSubject, "not a subject"),
  ce_time: z.iso.datetime().refine(text => Date.parse(text) >= 0, "before 1970"),
  ce_position: z.string().refine(isPosition, "not a position"),
  ce_traceparent: z.string().regex(TRACEPARENT).optional(),
  ce_causationid: z.uuid().optional(),
  ce_backfill: z.enum(["true", "false"]).optional(),
})

export type ParsedMessage =
  | { readonly ok: true; readonly event: EventRecord }
  | { readonly ok: false; readonly reason: MalformedReason; readonly fields: readonly string[] }

/** Names of what is wrong only: a dead letter must not carry a payload's contents. */
export type MalformedReason = "bad-headers" | "unknown-type" | "bad-json" | "bad-payload" | "no-value"

/** Parses at the edge; never throws, whatever the broker holds: a throwing handler stops a consumer for good. */
export function parseMessage(message: Message): ParsedMessage {
  const headers = headersSchema.safeParse(message.headers)
  if (!headers.success) return malformed("bad-headers", headers.error)
  const type = headers.data.ce_type.slice(TYPE_PREFIX.length)
  const schema = payloadSchema(type)
  if (!schema) return malformed("unknown-type")
  if (message.value === null) return malformed("no-value")
  const json = parseJson(message.value)
  if (json === undefined) return malformed("bad-json")
  const payload = schema.safeParse(json)
  if (!payload.success) return malformed("bad-payload", payload.error)
  return {
    ok: true,
    event: {
      position: BigInt(headers.data.ce_position),
      eventId: headers.data.ce_id.toLowerCase(),
      type,
      subject: headers.data.ce_subject,
      payload: payload.data as Record<string, unknown>,
      occurredAtMs: Date.parse(headers.data.ce_time),
      traceparent: headers.data.ce_traceparent ?? null,
      causationId: headers.data.ce_causationid ?? null,
      backfill: headers.data.ce_backfill === "true",
    },
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function malformed(reason: MalformedReason, error?: z.ZodError): ParsedMessage {
  return { ok: false, reason, fields: error ? error.issues.map(issue => issue.path.join(".")) : [] }
}
