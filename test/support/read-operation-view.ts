import type { Sql } from "../../src/adapters/postgres/client.ts"
import type { OperationState } from "../../src/domain/lifecycle.ts"

/** A row of the read model as the state it stands for; null if there is none. */
export async function readOperationView(sql: Sql, position: bigint): Promise<OperationState | null> {
  const [row] = await sql<{ state: Record<string, Record<string, unknown> | string> }[]>`
    select jsonb_build_object(
      'position', position::text,
      'subject', '0x' || encode(subject, 'hex'),
      'requested', case when event_id is not null then jsonb_build_object(
        'seq', position::text, 'eventId', event_id, 'kind', kind, 'requestedAtMs', ${ms(sql, "requested_at")},
        'traceparent', traceparent, 'expiresAt', extract(epoch from expires_at)::bigint, 'manual', manual) end,
      'resulted', case when result_seq is not null then jsonb_build_object(
        'seq', result_seq::text, 'result', result, 'outcome', outcome, 'reason', reason,
        'transactionHash', '0x' || encode(transaction_hash, 'hex'), 'blockNumber', block_number,
        'resultedAtMs', ${ms(sql, "resulted_at")}) end,
      'expired', case when expired_seq is not null then jsonb_build_object(
        'seq', expired_seq::text, 'eventId', expired_event_id, 'expiredAtMs', ${ms(sql, "expired_at")}) end,
      'removed', case when removed_seq is not null then jsonb_build_object(
        'seq', removed_seq::text, 'rows', removed_rows, 'removedAtMs', ${ms(sql, "removed_at")}) end) as state
    from reconciler.operation_views where position = ${position}`
  return row ? (revive(row.state) as OperationState | null) : null
}

function ms(sql: Sql, column: string) {
  return sql`trunc(extract(epoch from ${sql(column)}) * 1000)::bigint`
}

/** Positions come as text: JSON numbers end at 53 bits. */
function revive(value: unknown, key = ""): unknown {
  if (key === "position" || key === "seq") return BigInt(String(value))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, revive(inner, name)]))
}
