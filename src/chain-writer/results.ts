import { type NewEvent, type ResultPayload, resultEventType } from "../domain/event.ts"
import { type Outcome, outcomeReason, verdictOf } from "../domain/outcome.ts"
import { positionTimeMs } from "../domain/position.ts"
import { decodeWord } from "../domain/word.ts"
import { backoffMs } from "../runtime/backoff.ts"
import type { ClaimedOperation, Inclusion, OperationResult } from "./ports.ts"

/** How far ahead of its clock the contract takes a version, see its MAX_AHEAD_SECONDS. */
export const MAX_AHEAD_MS = 300_000

const RETRY = { baseMs: 250, maxMs: 60_000 } as const

/** What each operation of an included batch comes to. */
export function operationResults(
  operations: readonly ClaimedOperation[],
  inclusion: Inclusion,
  nowMs: number,
): readonly OperationResult[] {
  return operations.map((operation, index) => {
    const outcome = inclusion.outcomes[index]
    if (outcome === undefined)
      throw new Error("a batch with fewer outcomes than records was taken for included")
    const verdict = verdictOf(outcome)
    if (verdict === "try-again") {
      const retryAfterMs = Math.max(retryMs(operation.tries), dueInMs(operation, outcome, nowMs))
      return { eventId: operation.eventId, outcome, next: { verdict, retryAfterMs } }
    }
    const event: NewEvent = {
      type: resultEventType(operation.kind, verdict),
      subject: operation.subject,
      payload: { ...payload(operation, outcome, inclusion) },
      traceparent: operation.traceparent,
      causationId: operation.eventId,
    }
    return { eventId: operation.eventId, outcome, next: { verdict, event } }
  })
}

/** How long an operation waits that came back without effect; doubles with each try. */
export function retryMs(tries: number): number {
  return backoffMs(tries + 1, RETRY)
}

function payload(operation: ClaimedOperation, outcome: Outcome, inclusion: Inclusion): ResultPayload {
  const reason = outcomeReason(outcome)
  return {
    operationId: operation.eventId,
    operationPosition: operation.position.toString(),
    outcome,
    ...(reason === undefined ? {} : { reason }),
    transactionHash: inclusion.hash,
    blockNumber: inclusion.blockNumber,
    blockHash: inclusion.blockHash,
  }
}

/** When waiting can first help, by our clock; the chain's may be behind, so the backoff goes on from there. */
function dueInMs(operation: ClaimedOperation, outcome: Outcome, nowMs: number): number {
  const word = decodeWord(operation.word)
  if (outcome === "NotDue") return word.expirySeconds * 1000 - nowMs
  if (outcome === "Future") return positionTimeMs(word.version) - MAX_AHEAD_MS - nowMs
  return 0
}
