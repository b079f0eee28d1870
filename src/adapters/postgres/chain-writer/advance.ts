import type { Advance, Inclusion, Lane, SignedAttempt } from "../../../chain-writer/ports.ts"
import { OUTCOMES } from "../../../domain/outcome.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { expectRows, fence } from "./fence.ts"
import { bytes } from "./hex.ts"
import { inPayload, inState } from "./in-state.ts"

/** The bytes, before they leave the process. */
export async function saveAttempt(sql: Sql, lane: Lane, id: bigint, attempt: SignedAttempt): Promise<void> {
  await sql.begin(async tx => {
    await fence(tx, lane)
    await tx`
      insert into reconciler.chain_attempts
        (hash, transaction_id, number, records, raw, gas_limit, max_fee_per_gas_wei, max_priority_fee_per_gas_wei)
      select ${bytes(attempt.hash)}, ${id}, count(*), ${attempt.records}::integer, ${bytes(attempt.raw)},
        ${attempt.gasLimit}, ${attempt.maxFeePerGasWei}, ${attempt.maxPriorityFeePerGasWei}
      from reconciler.chain_attempts where transaction_id = ${id}`
    const updated = await tx`
      update reconciler.chain_transactions
      set state = case state when 'reserved' then 'signed' else state end
      where id = ${id} and lane = ${bytes(lane.address)} and state in ('reserved', 'signed', 'sent')`
    expectRows(updated.count, 1, "saving an attempt")
  })
}

/**
 * What a node or the chain said. Lost in a crash of the server, it is asked again: the same bytes are sent once more, or
 * the receipt is looked for once more.
 */
export async function advanceTransaction(sql: Sql, lane: Lane, id: bigint, advance: Advance): Promise<void> {
  await sql.begin(async tx => {
    await fence(tx, lane, "recoverable")
    switch (advance.to) {
      case "sent":
        await markSent(tx, id, bytes(advance.hash))
        break
      case "refused":
        await markRefused(tx, id, bytes(advance.hash))
        break
      case "included":
        await markIncluded(tx, id, advance.inclusion)
        break
      case "reorged":
        await markReorged(tx, id)
        break
    }
  })
}

async function markSent(tx: TransactionSql, id: bigint, hash: Buffer): Promise<void> {
  const attempts = await tx`
    update reconciler.chain_attempts
    set state = 'sent', first_sent_at = coalesce(first_sent_at, clock_timestamp()), last_sent_at = clock_timestamp()
    where hash = ${hash} and transaction_id = ${id}`
  expectRows(attempts.count, 1, "marking an attempt sent")
  const transactions = await tx`
    update reconciler.chain_transactions set state = 'sent' where id = ${id} and state in ('signed', 'sent')`
  expectRows(transactions.count, 1, "marking a transaction sent")
}

async function markRefused(tx: TransactionSql, id: bigint, hash: Buffer): Promise<void> {
  const attempts = await tx`
    update reconciler.chain_attempts set state = 'refused' where hash = ${hash} and transaction_id = ${id}`
  expectRows(attempts.count, 1, "marking an attempt refused")
}

async function markIncluded(tx: TransactionSql, id: bigint, inclusion: Inclusion): Promise<void> {
  const outcomes = Buffer.from(inclusion.outcomes.map(outcome => OUTCOMES.indexOf(outcome)))
  const updated = await tx`
    update reconciler.chain_transactions
    set state = 'included', mined_hash = ${bytes(inclusion.hash)}, block_number = ${inclusion.blockNumber},
      block_hash = ${bytes(inclusion.blockHash)}, outcomes = ${outcomes}
    where id = ${id} and state = 'sent'`
  expectRows(updated.count, 1, "marking a transaction included")
  await moveOperations(tx, id, "claimed", "included", inclusion.outcomes.length)
}

async function markReorged(tx: TransactionSql, id: bigint): Promise<void> {
  const [row] = await tx<{ operations: number }[]>`
    with before as (
      select id, octet_length(outcomes) as operations from reconciler.chain_transactions
      where id = ${id} and state = 'included' for update)
    update reconciler.chain_transactions t
    set state = 'sent', mined_hash = null, block_number = null, block_hash = null, outcomes = null
    from before where t.id = before.id returning before.operations`
  expectRows(row ? 1 : 0, 1, "marking a transaction reorganised away")
  await moveOperations(tx, id, "included", "claimed", row?.operations ?? 0)
}

/** Of the payload, those that the mined attempt carries: the first so many. */
async function moveOperations(
  tx: TransactionSql,
  id: bigint,
  from: "claimed" | "included",
  to: "claimed" | "included",
  records: number,
): Promise<void> {
  const moved = await tx`
    update reconciler.chain_operations o set state = ${to}
    where ${inPayload(tx, id, 0, records)} and ${inState(tx, from)}`
  expectRows(moved.count, records, `operations from ${from} to ${to}`)
}
