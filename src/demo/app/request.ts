import type { OperationKind } from "../../domain/operations/index.ts"
import { operations } from "../../domain/operations/index.ts"
import type { Subject } from "../../domain/subject.ts"
import type { Act, BrokenFault, RefusedFault } from "../plan/story.ts"

/** What the app asks of `append`, for an act of the plan. */
export interface Request {
  readonly kind: OperationKind | null
  readonly type: string
  readonly subject: Subject
  readonly payload: Readonly<Record<string, unknown>>
}

/** The contract takes an automatic block of at most 366 days. */
const TOO_LONG_SECONDS = 400 * 86_400

/** `expiresAt` in unix seconds, for automatic blocks of an ordinary length. */
export function requestOf(act: Act, subject: Subject, expiresAt: number): Request {
  switch (act.name) {
    case "register-patient":
    case "deactivate-patient":
      return request(act.name, subject, {})
    case "block":
    case "block-over-manual":
    case "block-contested":
      return request("block-ip", subject, { manual: false, expiresAt })
    case "block-too-long":
      return request("block-ip", subject, { manual: false, expiresAt: expiresAt + TOO_LONG_SECONDS })
    case "block-manually":
      return request("block-ip", subject, { manual: true })
    case "unblock":
      return request("unblock-ip", subject, {})
    case "add-signature":
      return request("add-attack-signature", subject, { severity: act.severity })
    case "refused":
      return refusedRequest(act.fault, subject, expiresAt)
    case "broken":
      return brokenRequest(act.fault, subject)
  }
}

function request(kind: OperationKind, subject: Subject, payload: Request["payload"]): Request {
  return { kind, type: operations[kind].requestEvent, subject, payload }
}

function refusedRequest(fault: RefusedFault, subject: Subject, expiresAt: number): Request {
  switch (fault) {
    case "severity-out-of-range":
      return request("add-attack-signature", subject, { severity: 11 })
    case "block-without-expiry":
      return request("block-ip", subject, { manual: false })
    case "manual-block-with-expiry":
      return request("block-ip", subject, { manual: true, expiresAt })
    case "subject-too-short":
      return request("register-patient", subject.slice(0, -2) as Subject, {})
    case "unknown-type":
      return { kind: null, type: "rename-ip.requested", subject, payload: {} }
    case "name-in-payload":
      return request("register-patient", subject, { name: "a name" })
  }
}

function brokenRequest(fault: BrokenFault, subject: Subject): Request {
  switch (fault) {
    case "payload-breaks-schema":
      return request("block-ip", subject, { manual: false, expiresAt: "soon" })
    case "unknown-type":
      return { kind: null, type: "rename-ip.requested", subject, payload: {} }
  }
}
