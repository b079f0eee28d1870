import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseMessage, toMessage } from "../../../src/bus/envelope.ts"
import type { Message } from "../../../src/bus/message.ts"
import { type EventRecord, toLogged } from "../../../src/domain/event.ts"
import {
  anySubject,
  blockRequested,
  confirmed,
  event,
  expired,
  removed,
} from "../../support/event-builders.ts"

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length })

const shapes: fc.Arbitrary<EventRecord> = fc.integer({ min: 1, max: 4_000_000 }).chain(seconds => {
  const block = blockRequested(anySubject(), seconds)
  return fc.constantFrom(block, confirmed(block), expired(block), removed(block))
})

const records: fc.Arbitrary<EventRecord> = fc
  .record({
    shape: shapes,
    position: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    subject: hex(64),
    occurredAtMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    traceparent: fc.option(
      fc.tuple(hex(32), hex(16)).map(([trace, span]) => `00-${trace}-${span}-01`),
      { nil: null },
    ),
    eventId: fc.uuid(),
    causationId: fc.option(fc.uuid(), { nil: null }),
    backfill: fc.boolean(),
  })
  .map(({ shape, subject, ...rest }) => ({ ...shape, ...rest, subject: `0x${subject}` as const }))

describe("envelope", () => {
  test("an event comes out as it went in", () => {
    fc.assert(
      fc.property(records, record => {
        expect(parseMessage(toMessage(toLogged(record), "topic"))).toEqual({ ok: true, event: record })
      }),
    )
  })

  test("nothing a broker can hold makes it throw", () => {
    const good = toMessage(toLogged(blockRequested(anySubject(), 60)), "topic")
    const text = fc.option(fc.string({ unit: "binary" }), { nil: null })
    const anything = fc.record({
      key: text,
      value: text,
      headers: fc.dictionary(fc.string(), fc.string({ unit: "binary" })),
    })
    const nearlyGood = fc
      .record({
        value: fc.oneof(fc.json(), fc.string(), fc.constant(good.value)),
        headers: fc.record(
          Object.fromEntries(
            Object.entries(good.headers).map(([name, value]) => [
              name,
              fc.oneof(fc.constant(value), fc.string()),
            ]),
          ),
          { requiredKeys: [] },
        ),
      })
      .map(({ value, headers }) => ({ key: good.key, value, headers: headers as Record<string, string> }))
    fc.assert(
      fc.property(fc.oneof(anything, nearlyGood), (message: Message) => {
        expect(typeof parseMessage(message).ok).toBe("boolean")
      }),
      { numRuns: 1_000 },
    )
  })

  const good = toMessage(toLogged(blockRequested(anySubject(), 60)), "topic")
  const { ce_id: _, ...withoutId } = good.headers
  test.each([
    ["no id", { ...good, headers: withoutId }, "bad-headers"],
    ["a name as subject", { ...good, headers: { ...good.headers, ce_subject: "Jane Doe" } }, "bad-headers"],
    ["a negative position", { ...good, headers: { ...good.headers, ce_position: "-1" } }, "bad-headers"],
    [
      "a type of tomorrow",
      { ...good, headers: { ...good.headers, ce_type: "caregrid.teleport-patient.requested" } },
      "unknown-type",
    ],
    ["a tombstone", { ...good, value: null }, "no-value"],
    ["half a value", { ...good, value: good.value.slice(0, -1) }, "bad-json"],
    ["another type's payload", { ...good, value: '{"severity":1}' }, "bad-payload"],
  ])("says what is wrong with %s, by name only", (_name, message, reason) => {
    const parsed = parseMessage(message)
    expect(parsed).toMatchObject({ ok: false, reason })
    expect(JSON.stringify(parsed)).not.toContain("Jane")
  })

  const told = toMessage(toLogged(confirmed(blockRequested(anySubject(), 60))), "topic")
  const withHeader = (name: string, text: string) => ({ ...good, headers: { ...good.headers, [name]: text } })
  const withPayload = (more: object) => ({
    ...told,
    value: JSON.stringify({ ...JSON.parse(told.value), ...more }),
  })
  test.each([
    ["a position beyond a bigint", withHeader("ce_position", "9223372036854775808")],
    ["a year that PostgreSQL does not know", withHeader("ce_time", "0000-01-01T00:00:00Z")],
    ["a NUL in the trace context", withHeader("ce_traceparent", "\0")],
    ["a result of an operation beyond a bigint", withPayload({ operationPosition: "9223372036854775808" })],
    ["a NUL in a reason", withPayload({ reason: "no\0" })],
  ])("sets aside %s, which the database would refuse for ever", (_name, message) => {
    expect(parseMessage(told).ok).toBe(true)
    expect(parseMessage(message).ok).toBe(false)
  })

  test("holds nothing but ids, times and the payload", () => {
    const message = toMessage(toLogged(event("unblock-ip.requested", anySubject())), "topic")
    expect(Object.keys(message.headers).sort()).toEqual([
      "ce_id",
      "ce_position",
      "ce_source",
      "ce_specversion",
      "ce_subject",
      "ce_time",
      "ce_traceparent",
      "ce_type",
      "content-type",
    ])
    expect(message.key).toBe(message.headers.ce_subject)
  })
})
