import { describe, expect, test } from "vitest"
import type { NewEvent } from "../../../src/domain/event.ts"
import { checkRequest } from "../../../src/outbox/check-request.ts"
import { requestTypes } from "../../../src/outbox/request-types.ts"

const good: NewEvent = {
  type: "block-ip.requested",
  subject: `0x${"ab".repeat(32)}`,
  payload: { manual: false, expiresAt: 1_800_000_000 },
}

const pathsOf = (event: NewEvent): readonly string[] => {
  const checked = checkRequest(event)
  return checked.ok ? [] : checked.faults.map(fault => fault.path)
}

describe("checking a request", () => {
  test("a good one passes with the JSON that will be written", () => {
    expect(checkRequest(good)).toEqual({ ok: true, payloadJson: '{"manual":false,"expiresAt":1800000000}' })
  })

  test("all faults are told at once", () => {
    const event = {
      type: "block-ip.requested",
      subject: "0xAB" as const,
      payload: { manual: false, expiresAt: 0.5, note: "x" },
      traceparent: "01-x",
      causationId: "none",
    }
    expect(pathsOf(event)).toEqual(["subject", "payload.expiresAt", "payload", "traceparent", "causationId"])
  })

  test.each(["ip-block.expired", "block-ip.confirmed", "ip-block.removed", "nonsense", ""])(
    "the type %j cannot be requested from outside",
    type => expect(pathsOf({ ...good, type })).toEqual(["type"]),
  )

  test.each([
    ["a manual block with an expiry", { manual: true, expiresAt: 5 }, ["payload"]],
    ["an automatic block without one", { manual: false }, ["payload.expiresAt"]],
    ["an expiry beyond 40 bits", { manual: false, expiresAt: 2 ** 40 }, ["payload.expiresAt"]],
    ["an expiry as text", { manual: false, expiresAt: "5" }, ["payload.expiresAt"]],
    ["neither manual nor automatic", { expiresAt: 5 }, ["payload"]],
  ])("%s is refused", (_, payload, paths) => {
    expect(pathsOf({ ...good, payload })).toEqual(paths)
  })

  test("a payload that is not a JSON object is refused", () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    for (const payload of [[], cycle, { big: 1n }, new Date(0)]) {
      expect(pathsOf({ ...good, payload: payload as Record<string, unknown> })).toContain("payload")
    }
  })

  test("a payload over 8192 bytes is refused for its size alone", () => {
    const checked = checkRequest({ ...good, payload: { note: "x".repeat(8_192) } })
    expect(checked).toEqual({
      ok: false,
      faults: [{ path: "payload", rule: "must be at most 8192 bytes" }],
    })
  })

  test("no fault repeats what was given, which can be a patient's", () => {
    const secret = "Jane-Doe-1970"
    const checked = checkRequest({
      type: "block-ip.requested",
      subject: secret as `0x${string}`,
      payload: { manual: false, expiresAt: secret, [secret]: secret },
      traceparent: secret,
      causationId: secret,
    })
    expect(checked.ok).toBe(false)
    expect(JSON.stringify(checked)).not.toContain(secret)
  })
})

test("the rules given to the SQL append cover exactly what an application may request", () => {
  expect(requestTypes().map(({ type }) => type)).toEqual([
    "register-patient.requested",
    "deactivate-patient.requested",
    "block-ip.requested",
    "unblock-ip.requested",
    "add-attack-signature.requested",
  ])
})
