import type { Rejection } from "../../../dead-letters/reject.ts"
import { subjectBytes } from "../../../domain/subject.ts"
import type { TransactionSql } from "../client.ts"
import { wordBytes } from "./hex.ts"

/** No record was made of it, and none goes to the contract. */
const NO_WORD = wordBytes(0n)

/**
 * Ends an operation that never came to the chain, with its result event. Does nothing when it was accepted: its outcome
 * comes from the chain. The row stays in the operation's place, so that it is not accepted when it is sent again.
 */
export async function rejectOperation(tx: TransactionSql, rejection: Rejection): Promise<void> {
  if (!(await insertEnded(tx, rejection))) return
  const { type, subject, payload, causationId, traceparent } = rejection.event
  await tx`
    select from reconciler.append_internal(${type}, ${subjectBytes(subject)}, ${JSON.stringify(payload)}::text::jsonb,
      ${causationId ?? null}::uuid, ${traceparent ?? null})`
}

async function insertEnded(tx: TransactionSql, { operation, event }: Rejection): Promise<boolean> {
  const { eventId, position, type, kind, subject, traceparent } = operation
  const inserted = await tx`
    insert into reconciler.chain_operations
      (event_id, position, type, kind, subject, word, traceparent, state, result, outcome, final_at)
    values (${eventId}, ${position}, ${type}, ${kind}, ${subjectBytes(subject)}, ${NO_WORD}, ${traceparent}, 'final',
      'rejected', ${String(event.payload.outcome)}, clock_timestamp())
    on conflict (event_id) do nothing`
  return inserted.count > 0
}
