import type { Lane, OperationResult, Settlement } from "../../../chain-writer/ports.ts"
import type { NewEvent } from "../../../domain/event.ts"
import type { Position } from "../../../domain/position.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { expectRows, fence } from "./fence.ts"
import { bytes } from "./hex.ts"
import { inPayload, inState } from "./in-state.ts"

type Confirmed = Extract<Settlement, { as: "confirmed" }>

const MAX_BIGINT = 2n ** 63n - 1n

/** The end of a transaction, of its operations, and their result events, in one database transaction. */
export async function settleTransaction(
  sql: Sql,
  lane: Lane,
  id: bigint,
  settlement: Settlement,
): Promise<void> {
  await sql.begin(async tx => {
    await fence(tx, lane)
    switch (settlement.as) {
      case "confirmed":
        await settleTransactionRow(tx, id, "included", "confirmed", null)
        await settleConfirmed(tx, settlement)
        await returnRest(tx, id, settlement.results.length)
        break
      case "reverted":
        await settleTransactionRow(tx, id, "sent", "reverted", bytes(settlement.hash))
        await returnOperations(tx, id, settlement.retryAfterMs)
        break
      case "lost":
        await settleTransactionRow(tx, id, "sent", "lost", null)
        await returnOperations(tx, id, 0)
        break
    }
  })
}

async function settleTransactionRow(
  tx: TransactionSql,
  id: bigint,
  from: string,
  to: string,
  minedHash: Buffer | null,
): Promise<void> {
  const updated = await tx`
    update reconciler.chain_transactions
    set state = ${to}, settled_at = clock_timestamp(), mined_hash = coalesce(mined_hash, ${minedHash})
    where id = ${id} and state = ${from}`
  expectRows(updated.count, 1, `settling a transaction as ${to}`)
}

async function settleConfirmed(tx: TransactionSql, { results, foreignVersion }: Confirmed): Promise<void> {
  // Before the results are appended, so that they too are above what the chain has.
  if (foreignVersion !== null) await raisePosition(tx, foreignVersion)
  const final = results.flatMap(result => finalRow(result) ?? [])
  const retry = results.flatMap(result => retryRow(result) ?? [])
  if (final.length > 0) expectRows(await finishOperations(tx, final), final.length, "finishing operations")
  if (retry.length > 0) expectRows(await retryOperations(tx, retry), retry.length, "returning operations")
  const events = results.flatMap(({ next }) => (next.verdict === "try-again" ? [] : [next.event]))
  if (events.length > 0) await appendEvents(tx, events)
}

async function raisePosition(tx: TransactionSql, version: Position): Promise<void> {
  if (version <= MAX_BIGINT) await tx`select reconciler.raise_position(${version})`
}

function finalRow({ eventId, outcome, next }: OperationResult) {
  return next.verdict === "try-again" ? null : { event_id: eventId, outcome, result: next.verdict }
}

function retryRow({ eventId, next }: OperationResult) {
  return next.verdict === "try-again" ? { event_id: eventId, after_ms: next.retryAfterMs } : null
}

async function finishOperations(
  tx: TransactionSql,
  rows: readonly { readonly event_id: string; readonly outcome: string; readonly result: string }[],
): Promise<number> {
  const updated = await tx`
    update reconciler.chain_operations o
    set state = 'final', result = given.result, outcome = given.outcome, final_at = clock_timestamp()
    from jsonb_to_recordset(${tx.json(rows)}) as given (event_id uuid, outcome text, result text)
    where o.event_id = given.event_id and ${inState(tx, "included")}`
  return updated.count
}

async function retryOperations(
  tx: TransactionSql,
  rows: readonly { readonly event_id: string; readonly after_ms: number }[],
): Promise<number> {
  const updated = await tx`
    update reconciler.chain_operations o
    set state = 'pending', tries = o.tries + 1,
      not_before = clock_timestamp() + given.after_ms * interval '1 millisecond'
    from jsonb_to_recordset(${tx.json(rows)}) as given (event_id uuid, after_ms float8)
    where o.event_id = given.event_id and ${inState(tx, "included")}`
  return updated.count
}

/** Nothing of the payload took effect: all of it can be claimed again. */
async function returnOperations(tx: TransactionSql, id: bigint, afterMs: number): Promise<void> {
  const returned = await tx`
    update reconciler.chain_operations o
    set state = 'pending', tries = o.tries + 1, not_before = clock_timestamp() + ${afterMs} * interval '1 millisecond'
    where ${inPayload(tx, id, 0, null)} and ${inState(tx, "claimed")}`
  const [payload] = await tx<{ operations: bigint }[]>`
    select count(*) as operations from reconciler.chain_transaction_operations where transaction_id = ${id}`
  expectRows(returned.count, Number(payload?.operations), "returning operations")
}

/** What the mined attempt did not carry was not tried: it can be claimed again at once. */
async function returnRest(tx: TransactionSql, id: bigint, records: number): Promise<void> {
  await tx`
    update reconciler.chain_operations o set state = 'pending'
    where ${inPayload(tx, id, records, null)} and ${inState(tx, "claimed")}`
}

async function appendEvents(tx: TransactionSql, events: readonly NewEvent[]): Promise<void> {
  const rows = events.map((event, n) => ({
    n,
    type: event.type,
    subject: event.subject.slice(2),
    payload: JSON.stringify(event.payload),
    causation: event.causationId ?? null,
    traceparent: event.traceparent ?? null,
  }))
  // Sorted below the insert, so that positions rise in the order of the batch. A rebuild's results were told before.
  // What append_internal does, but for all at once: as many calls of it as there are operations took half of the settling.
  await tx`
    insert into reconciler.outbox (type, subject, payload, causation_id, traceparent)
    select type, decode(subject, 'hex'), payload::jsonb, causation, traceparent
    from (
      select * from jsonb_to_recordset(${tx.json(rows)}) as given
        (n integer, type text, subject text, payload text, causation uuid, traceparent text)
      where not exists (
        select from reconciler.chain_operations o where o.event_id = given.causation and o.rebuild is not null)
      order by n offset 0
    ) ordered`
}
