import { describe, expect, it } from "vitest"
import { toOperation } from "../../../src/chain-writer/intake.ts"
import type { ClaimedOperation } from "../../../src/chain-writer/ports.ts"
import { operationResults } from "../../../src/chain-writer/results.ts"
import { type EventRecord, resultPayloadSchema } from "../../../src/domain/event.ts"
import { OUTCOMES, type Outcome, verdictOf } from "../../../src/domain/outcome.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import { anyHash, anySubject, blockRequested, event, expired } from "../../support/event-builders.ts"

const NOW_MS = Date.now()

function claimed(request: EventRecord, tries = 0): ClaimedOperation {
  const operation = toOperation(request)
  if (!operation) throw new Error("not a request")
  return { ...operation, tries }
}

function resultOf(request: EventRecord, outcome: Outcome, tries = 0) {
  const inclusion = {
    hash: anyHash() as `0x${string}`,
    blockNumber: 12,
    blockHash: anyHash() as `0x${string}`,
    outcomes: [outcome],
  }
  const [result] = operationResults([claimed(request, tries)], inclusion, NOW_MS)
  if (!result) throw new Error("no result")
  return { result, inclusion }
}

describe("results of a batch", () => {
  const final = OUTCOMES.filter(outcome => verdictOf(outcome) !== "try-again")

  it.each(final)("tell of %s by an event that the log takes and that follows from the request", outcome => {
    const request = event("register-patient.requested", anySubject())
    const { result, inclusion } = resultOf(request, outcome)
    if (result.next.verdict === "try-again") throw new Error("not final")
    expect(result.next.event).toMatchObject({
      type: `register-patient.${verdictOf(outcome)}`,
      subject: request.subject,
      causationId: request.eventId,
      traceparent: request.traceparent,
    })
    expect(resultPayloadSchema.parse(result.next.event.payload)).toMatchObject({
      operationId: request.eventId,
      operationPosition: request.position.toString(),
      outcome,
      transactionHash: inclusion.hash,
      blockNumber: 12,
      blockHash: inclusion.blockHash,
    })
  })

  it.each(["Conflict", "Invalid", "Superseded", "Kept"] as const)("say why for %s", outcome => {
    const { result } = resultOf(event("register-patient.requested", anySubject()), outcome)
    expect(result.next.verdict !== "try-again" && result.next.event.payload.reason).toMatch(/\w/)
  })

  it("try an expiry again when the block is over by our clock", () => {
    const block = blockRequested(anySubject(), 30)
    const { result } = resultOf(expired(block), "NotDue")
    const dueInMs = Number(block.payload.expiresAt) * 1000 - NOW_MS
    expect(result.next).toEqual({ verdict: "try-again", retryAfterMs: dueInMs })
  })

  it("try a version from the future again when the contract's clock can take it", () => {
    const request = {
      ...event("register-patient.requested", anySubject()),
      position: lowestPositionAt(NOW_MS + 600_000),
    }
    const { result } = resultOf(request, "Future")
    expect(result.next).toEqual({ verdict: "try-again", retryAfterMs: 300_000 })
  })

  it("wait longer with each try, up to a minute", () => {
    const expiry = expired(blockRequested(anySubject(), -30))
    const waits = [0, 1, 2, 20].map(tries => {
      const { next } = resultOf(expiry, "Missing", tries).result
      return next.verdict === "try-again" && next.retryAfterMs
    })
    expect(waits).toEqual([250, 500, 1_000, 60_000])
  })
})
