import type { AnySql } from "../client.ts"

/**
 * An operation `o` in this state, said so that the planner cannot answer it from the index of unfinished operations: with
 * statistics from a time when there were none, it would read the whole backlog there for each batch.
 */
export const inState = (sql: AnySql, state: "claimed" | "included") =>
  sql`o.state is not distinct from ${state}`

/**
 * An operation `o` of a transaction's payload, from one place in it to before another. By their ids in an array: a join
 * is planned by how many there might be, and a long history was then read whole for a payload of 256.
 */
export const inPayload = (sql: AnySql, transactionId: bigint, from: number, to: number | null) => sql`
  o.event_id = any (array(
    select p.event_id from reconciler.chain_transaction_operations p
    where p.transaction_id = ${transactionId} and p.ordinal >= ${from} and p.ordinal < coalesce(${to}::integer, 2147483647)))`
