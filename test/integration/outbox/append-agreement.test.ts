import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { NewEvent } from "../../../src/domain/event.ts"
import { checkRequest } from "../../../src/outbox/check-request.ts"
import { requestTypes } from "../../../src/outbox/request-types.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { testSeed } from "../../support/seed.ts"

const RUNS = 1_000
const seed = testSeed()

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ max: 1 })
})
afterAll(() => database.drop())

type Fields = [key: string, json: string][]

/** JSON texts rather than values: 1.0, 1e3 and -0 are spellings that no JavaScript value keeps. */
const oddNumber = fc.constantFrom(
  ...["1", "1.0", "10.00", "1e1", "1E+0", "1e3", "-0", "0", "0.0", "-1", "1.5", "5e-1", "10", "11"],
  ...["1099511627775", "1099511627776", "1.099511627775e12", "9007199254740991", "9007199254740992"],
  ...["9007199254740993", "1e308", "1e-7", "123456789012345678901234567890"],
)
const integer = fc.integer({ min: 1, max: 2 ** 40 - 1 }).map(String)
const oddText = fc.constantFrom('""', '"5"', '"\\u0000"', '"\\ud800"', '"Zoë 💉"', '"0x"', '"manual"')
const anyJson = fc.jsonValue({ maxDepth: 3 }).map(value => JSON.stringify(value))
const literal = fc.constantFrom("true", "false", "null", "[]", "{}", "[1]", '{"a":{"b":null}}')
const value = fc.oneof(oddNumber, integer, oddText, literal, anyJson)
const goodOr = (good: fc.Arbitrary<string>) =>
  fc.oneof({ arbitrary: good, weight: 4 }, { arbitrary: value, weight: 1 })

const extraKey = fc.constantFrom(
  "extra",
  "__proto__",
  "constructor",
  "",
  "\u0000",
  "expiresAt",
  "manual",
  "é",
)
const extras = fc.oneof(
  { arbitrary: fc.constant([] as Fields), weight: 5 },
  { arbitrary: fc.array(fc.tuple(extraKey, value), { maxLength: 2 }), weight: 1 },
)
const severity = goodOr(fc.oneof(fc.integer({ min: -1, max: 12 }).map(String), oddNumber))
const expiry = goodOr(fc.oneof({ arbitrary: integer, weight: 2 }, oddNumber))
const manual = fc.oneof({ arbitrary: fc.constantFrom("true", "false"), weight: 8 }, literal)
const blockFields = fc.oneof(
  fc.constant<Fields>([["manual", "true"]]),
  expiry.map(
    (text): Fields => [
      ["manual", "false"],
      ["expiresAt", text],
    ],
  ),
  fc.tuple(manual, expiry).map(
    ([flag, text]): Fields => [
      ["expiresAt", text],
      ["manual", flag],
    ],
  ),
)
const severityFields = severity.map((text): Fields => [["severity", text]])
const noFields = fc.constant<Fields>([])

function objectText(fields: fc.Arbitrary<Fields>): fc.Arbitrary<string> {
  return fc
    .tuple(fields, extras)
    .map(([usual, more]) => [...new Map([...usual, ...more])])
    .map(entries => `{${entries.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`)
}

const typeAndJson = fc.oneof(
  { arbitrary: pair("block-ip.requested", blockFields), weight: 8 },
  { arbitrary: pair("add-attack-signature.requested", severityFields), weight: 5 },
  ...requestTypes().map(request => ({ arbitrary: pair(request.type, noFields), weight: 1 })),
  { arbitrary: pair("unblock-ip.requested", blockFields), weight: 1 },
  ...["ip-block.expired", "block-ip.confirmed", ""].map(type => ({
    arbitrary: pair(type, blockFields),
    weight: 1,
  })),
)

function pair(type: string, fields: fc.Arbitrary<Fields>) {
  const json = fc.oneof({ arbitrary: objectText(fields), weight: 12 }, { arbitrary: value, weight: 1 })
  return json.map(text => ({ type, json: text }))
}

const subject = fc.oneof(
  { arbitrary: fc.constantFrom(...["a", "b", "c", "d"].map(digit => `0x${digit.repeat(64)}`)), weight: 20 },
  {
    arbitrary: fc.constantFrom("0x", "", "a".repeat(64), `0x${"A".repeat(64)}`, `0x${"a".repeat(63)}`),
    weight: 1,
  },
)
const traceparent = fc.oneof(
  { arbitrary: fc.constantFrom(null, `00-${"1".repeat(32)}-${"2".repeat(16)}-01`), weight: 20 },
  { arbitrary: fc.constantFrom("", "00-1-2-01", `ff-${"1".repeat(32)}-${"2".repeat(16)}-01`), weight: 1 },
)

interface Generated {
  readonly type: string
  readonly subject: string
  readonly json: string
  readonly traceparent: string | null
}

/** The TypeScript side gets what a program would hold: the parsed value. */
function typescriptVerdict(event: Generated): readonly string[] {
  const payload = JSON.parse(event.json) as NewEvent["payload"]
  const checked = checkRequest({ ...event, subject: event.subject as NewEvent["subject"], payload })
  return checked.ok ? [] : [...new Set(checked.faults.map(fault => fault.path))].sort()
}

/** Paths at fault; ["json"] for what Postgres does not take for jsonb at all. */
async function sqlVerdict(event: Generated): Promise<readonly string[]> {
  try {
    await database.sql`select * from reconciler.append(
      ${event.type}, ${event.subject}::text, ${event.json}::text::jsonb, ${event.traceparent})`
    return []
  } catch (error) {
    const { code, detail } = error as { code: string; detail?: string }
    if (code === "22P05" || code === "22P02") return ["json"]
    if (code !== "RC001" || !detail) throw error
    return [...new Set(detail.split("\n").map(line => line.slice(0, line.indexOf(": "))))].sort()
  }
}

test(`both appends give one verdict on ${RUNS} payloads, at the same paths (TEST_SEED=${seed})`, async () => {
  const verdicts = { accepted: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(typeAndJson, subject, traceparent),
      async ([{ type, json }, subject, traceparent]) => {
        const event = { type, json, subject, traceparent }

        const before = await countEvents()
        const [typescript, sql] = [typescriptVerdict(event), await sqlVerdict(event)]
        const context = JSON.stringify(event)
        if (sql[0] === "json") expect(typescript, context).not.toEqual([])
        else expect(typescript, context).toEqual(sql)
        if (sql.length > 0) expect(await countEvents(), context).toBe(before)
        verdicts[sql.length === 0 ? "accepted" : "refused"] += 1
      },
    ),
    { seed, numRuns: RUNS, endOnFailure: true },
  )
  expect(verdicts.accepted).toBeGreaterThanOrEqual(200)
  expect(verdicts.refused).toBeGreaterThanOrEqual(200)
})

async function countEvents(): Promise<bigint> {
  const [row] = await database.sql<{ count: bigint }[]>`select count(*) from reconciler.outbox`
  return row?.count ?? 0n
}
