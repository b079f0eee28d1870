import { describe, expect, it } from "vitest"
import { workOf } from "../../../src/write-back/work.ts"
import {
  anySubject,
  blockRequested,
  confirmed,
  event,
  expired,
  result,
} from "../../support/event-builders.ts"

describe("what the app's tables hear of", () => {
  const block = blockRequested(anySubject(), 60)

  it.each([
    [event("register-patient.requested", anySubject()), "core_patient", "flag"],
    [block, "firewall_blockedip", "flag"],
    [
      event("add-attack-signature.requested", anySubject(), { severity: 3 }),
      "firewall_attackpattern",
      "flag",
    ],
    [expired(block), "firewall_blockedip", "remove"],
  ] as const)("is the confirmation of %s", (request, table, action) => {
    expect(workOf(confirmed(request))).toMatchObject({
      table,
      action,
      operationId: request.eventId,
      operationPosition: request.position,
    })
  })

  it("is no request, no rejected and no superseded operation, and no unblock", () => {
    const unblock = event("unblock-ip.requested", anySubject())
    const silent = [block, result(block, "rejected"), result(block, "superseded"), confirmed(unblock)]
    expect(silent.map(workOf)).toEqual([null, null, null, null])
  })
})
