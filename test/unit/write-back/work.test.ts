import { describe, expect, it } from "vitest"
import { endedBlock, workOf } from "../../../src/write-back/work.ts"
import {
  anySubject,
  blockRequested,
  confirmed,
  event,
  expired,
  manualBlockRequested,
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

  it.each([
    ["a superseded block", block, "superseded"],
    ["a rejected block", block, "rejected"],
    ["an expiry that something newer overtook", expired(block), "superseded"],
    ["an expiry of which the chain knows another block", expired(block), "rejected"],
  ] as const)("is %s, whose row then goes when its time is over", (_what, request, final) => {
    expect(workOf(result(request, final))).toMatchObject({
      table: "firewall_blockedip",
      action: "remove",
      operationId: request.eventId,
      operationPosition: request.position,
    })
  })

  it("is no request, no rejected or superseded patient or signature, and no unblock", () => {
    const requests = ["register-patient.requested", "add-attack-signature.requested"].map(type =>
      event(type, anySubject()),
    )
    const unblock = event("unblock-ip.requested", anySubject())
    const silent = [
      block,
      ...requests.flatMap(request => [result(request, "rejected"), result(request, "superseded")]),
      ...(["confirmed", "rejected", "superseded"] as const).map(final => result(unblock, final)),
    ]
    expect(silent.map(workOf)).toEqual(silent.map(() => null))
  })
})

describe("the block that a removal is of", () => {
  const block = blockRequested(anySubject(), 60)

  it("is the one that the expiry ended", () => {
    const { position: version, payload } = block
    expect(endedBlock(expired(block))).toEqual({ version, expiresAt: payload.expiresAt })
  })

  it("is the operation itself where that did not come to stand on the chain", () => {
    const { position: version, payload } = block
    expect(endedBlock(block)).toEqual({ version, expiresAt: payload.expiresAt })
  })

  it("is none where the block has no end", () => {
    expect(endedBlock(manualBlockRequested(anySubject()))).toBeNull()
  })

  it("is none where nobody can read the request, whatever it holds", () => {
    const payloads = [
      null,
      { manual: false, expiresAt: 1e300 },
      { blockVersion: "one", blockTag: "00", expiresAt: 1 },
      [],
    ]
    for (const payload of payloads) expect(endedBlock({ position: 1n, payload })).toBeNull()
  })
})
