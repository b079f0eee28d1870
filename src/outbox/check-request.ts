import type { z } from "zod"
import { operationDefinition, operationKindOf } from "../domain/operations/index.ts"
import { isSubject } from "../domain/subject.ts"
import { TRACEPARENT } from "../domain/traceparent.ts"
import type { EventFault } from "./invalid-event.ts"
import type { AppendRequest } from "./ports.ts"

/** The SQL function `reconciler.request_faults` holds the same. */
const MAX_PAYLOAD_BYTES = 8_192
const MAX_KEY_CHARACTERS = 200
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export type CheckedRequest =
  | { readonly ok: true; readonly payloadJson: string }
  | { readonly ok: false; readonly faults: readonly EventFault[] }

/**
 * All that is wrong with a request. Judges the payload's JSON text, because that is what gets written: a key that is
 * `undefined` is not there, and a Date is a text.
 */
export function checkRequest(event: AppendRequest): CheckedRequest {
  const faults: EventFault[] = []
  const kind = operationKindOf(event.type)
  const definition = kind && operationDefinition(kind)
  const payloadRules = definition?.requestableByApp ? definition.payload : undefined
  if (!payloadRules) faults.push({ path: "type", rule: "is none that can be requested" })
  if (typeof event.subject !== "string" || !isSubject(event.subject)) {
    faults.push({ path: "subject", rule: "must be 0x and 64 lower-case hex digits" })
  }
  const payloadJson = jsonText(event.payload)
  faults.push(...payloadFaults(payloadJson, payloadRules))
  if (event.traceparent != null && !TRACEPARENT.test(event.traceparent)) {
    faults.push({ path: "traceparent", rule: "must be a W3C trace context of version 00" })
  }
  if (event.causationId != null && !UUID.test(event.causationId)) {
    faults.push({ path: "causationId", rule: "must be a UUID" })
  }
  if (event.idempotencyKey != null && !isKey(event.idempotencyKey)) {
    faults.push({ path: "idempotencyKey", rule: `must be 1 to ${MAX_KEY_CHARACTERS} characters` })
  }
  if (event.backfill != null && typeof event.backfill !== "boolean") {
    faults.push({ path: "backfill", rule: "must be of type boolean" })
  }
  return faults.length === 0 ? { ok: true, payloadJson: payloadJson ?? "" } : { ok: false, faults }
}

/** Counted as Postgres does, by code points. */
function isKey(key: string): boolean {
  const characters = [...key].length
  return characters > 0 && characters <= MAX_KEY_CHARACTERS
}

/** Undefined for what JSON cannot hold: a bigint, a cycle, a function. */
function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

function payloadFaults(json: string | undefined, rules: z.ZodType | undefined): readonly EventFault[] {
  if (json === undefined) return [{ path: "payload", rule: "must be JSON" }]
  if (Buffer.byteLength(json) > MAX_PAYLOAD_BYTES) {
    return [{ path: "payload", rule: `must be at most ${MAX_PAYLOAD_BYTES} bytes` }]
  }
  const payload: unknown = JSON.parse(json)
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return [{ path: "payload", rule: "must be of type object" }]
  }
  const parsed = rules?.safeParse(payload)
  return parsed?.error ? parsed.error.issues.flatMap(issue => issueFaults(issue, "payload")) : []
}

function issueFaults(issue: z.core.$ZodIssue, parent: string): readonly EventFault[] {
  const path = [parent, ...issue.path].join(".")
  switch (issue.code) {
    case "invalid_union": {
      // The shape that the constants point to is the one to explain.
      const meant = issue.errors.find(shape => !shape.some(inner => inner.code === "invalid_value"))
      if (!meant) return [{ path, rule: "has none of the allowed shapes" }]
      return meant.flatMap(inner => issueFaults(inner, path))
    }
    case "unrecognized_keys":
      // Zod's message would name the key.
      return [{ path, rule: "has a key that is not allowed" }]
    default:
      return [{ path, rule: issue.message }]
  }
}
