import { describe, expect, it } from "vitest"
import { classifyBroadcastError } from "../../../../src/adapters/ethereum/classify.ts"
import { MESSAGES, NODES, OURS } from "./node-messages.ts"

const OTHERS = `0x${"cd".repeat(32)}`

const rows = Object.entries(MESSAGES).flatMap(([name, { kind, answers, providers = [] }]) =>
  [...NODES.map(node => [node, answers[node]] as const), ["a provider", providers] as const].flatMap(
    ([node, said]) =>
      said.flatMap(answer =>
        typeof answer === "string" ? [] : [[node, answer[0], answer[1], name, kind] as const],
      ),
  ),
)

describe("a node's refusal", () => {
  it.each(rows)("of %s (%i): %s, means %s", (_node, code, message, _name, kind) => {
    const answer = { code, message }
    expect(classifyBroadcastError({ code: "UNKNOWN_ERROR", error: answer }, OURS).kind).toBe(kind)
    expect(classifyBroadcastError({ code: "NONCE_EXPIRED", info: { error: answer } }, OURS).kind).toBe(kind)
  })

  it.each(Object.entries(MESSAGES))("(%s) is known of each node, or why it never says so", (_name, known) => {
    expect(NODES.filter(node => known.answers[node].length === 0)).toEqual([])
  })

  it("that knows another transaction is no news of ours", () => {
    const error = { error: { code: -32000, message: `Known transaction: ${OTHERS}` } }
    expect(classifyBroadcastError(error, OURS).kind).toBe("unknown")
  })
})

describe("no answer", () => {
  it.each([
    { code: "TIMEOUT" },
    { code: "SERVER_ERROR", info: { responseStatus: "503" } },
    Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
    new Error("socket hang up"),
    "nothing",
    null,
  ])("is unknown: %o", error => {
    expect(classifyBroadcastError(error, OURS).kind).toBe("unknown")
  })

  it("tells a code only, for a message can quote the endpoint with its key", () => {
    const error = Object.assign(new Error("https://node/v1/secret"), { code: "TIMEOUT" })
    expect(JSON.stringify(classifyBroadcastError(error, OURS))).not.toContain("secret")
  })
})
