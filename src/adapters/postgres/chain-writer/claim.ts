import type { ClaimedOperation, Counts, ReadyType } from "../../../chain-writer/ports.ts"
import type { OperationType } from "../../../domain/operation.ts"
import type { OperationKind } from "../../../domain/operations/index.ts"
import { subjectFromBytes } from "../../../domain/subject.ts"
import type { AnySql, TransactionSql } from "../client.ts"
import { wordFromBytes } from "./hex.ts"

/** "rccl": claims of one type come one after another, or two lanes could split a subject's operations between them. */
const CLAIM_LOCK = 0x7263636c

export interface OperationRow {
  eventId: string
  position: bigint
  kind: OperationKind
  subject: Buffer
  word: Buffer
  traceparent: string | null
  tries: number
}

export function toClaimed(row: OperationRow): ClaimedOperation {
  const { eventId, position, kind, traceparent, tries } = row
  return {
    eventId,
    position,
    kind,
    subject: subjectFromBytes(row.subject),
    word: wordFromBytes(row.word),
    traceparent,
    tries,
  }
}

/**
 * Marks up to `limit` operations claimed, and gives them in the order of positions: live ones first, but for
 * `backfillShare` places where there is backfill.
 * One waits whose subject has an earlier operation that is claimed, or pending but not to be tried yet, or pending with
 * the other mark. So each mark is a queue of its own, in which an earlier operation that can be tried is in the batch,
 * because it comes first in the order. A live one never waits for backfill: intake makes live what is before it.
 * statement_timestamp(), so that all rows are judged by one moment.
 * A subquery and not `not exists`: with statistics from a time when nothing waited, the planner makes that a join which
 * reads the whole backlog for each operation (256 of 10,000: 1,695 ms; so: 5 ms).
 */
export async function claimOperations(
  tx: TransactionSql,
  claim: {
    readonly type: OperationType
    readonly limit: number
    readonly backfillShare: number
  },
  rebuild: bigint | null,
): Promise<readonly ClaimedOperation[]> {
  const { type, limit, backfillShare } = claim
  // A statement of its own: the next one must see what the holder before us has committed. And it must follow the index
  // and stop at the limit: the planner, who takes most candidates for blocked, would look at the whole backlog and sort it.
  await tx`
    select pg_advisory_xact_lock(${CLAIM_LOCK}, hashtext(${type})), set_config('enable_sort', 'off', true),
      set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)`
  const rows = await tx<OperationRow[]>`
    update reconciler.chain_operations o set state = 'claimed', not_before = null
    from (
      select event_id from (
        select event_id, row_number() over () as n, 1 as turn from (${claimable(tx, type, rebuild, false, limit)}) live
        union all
        select event_id, row_number() over () as n,
          case when row_number() over () <= ${backfillShare}::int then 0 else 2 end as turn
        from (${claimable(tx, type, rebuild, true, limit)}) backfill
      ) both_queues
      order by turn, n limit ${limit}
    ) claimable
    where o.event_id = claimable.event_id
    returning o.event_id as "eventId", o.position, o.kind, o.subject, o.word, o.traceparent, o.tries`
  return rows.map(toClaimed).sort(byPosition)
}

/**
 * The first of one queue that may be claimed now. By index chain_operations_pending. What a rebuild asks for, and what
 * is asked for otherwise, are for different contracts and do not wait for each other.
 */
function claimable(
  tx: TransactionSql,
  type: OperationType,
  rebuild: bigint | null,
  backfill: boolean,
  limit: number,
) {
  return tx`
    select c.event_id from reconciler.chain_operations c
    where c.type = ${type} and c.backfill = ${backfill} and c.state = 'pending'
      and c.rebuild is not distinct from ${rebuild}::bigint
      and (c.not_before is null or c.not_before <= statement_timestamp())
      and (
        select earlier.event_id from reconciler.chain_operations earlier
        where earlier.subject = c.subject and (earlier.position, earlier.event_id) < (c.position, c.event_id)
          and earlier.state in ('pending', 'claimed') and earlier.rebuild is not distinct from c.rebuild
          and (earlier.state = 'claimed' or earlier.not_before > statement_timestamp()
            or earlier.backfill <> c.backfill)
        limit 1) is null
    order by c.position, c.event_id limit ${limit}`
}

/** Types with an operation that could be claimed, or that waits for an earlier one of its subject: a hint, cheap to ask for. */
export async function readyTypes(sql: AnySql, rebuild: bigint | null): Promise<readonly ReadyType[]> {
  const isReady = (backfill: boolean) => sql`
    exists (
      select from reconciler.chain_operations o
      where o.type = types.type and o.backfill = ${backfill} and o.state = 'pending'
        and o.rebuild is not distinct from ${rebuild}::bigint
        and (o.not_before is null or o.not_before <= clock_timestamp()))`
  const rows = await sql<ReadyType[]>`
    select type, ${isReady(false)} as live, ${isReady(true)} as backfill
    from unnest(array['patient', 'ip-block', 'attack-signature']) as types (type)`
  return rows.filter(({ live, backfill }) => live || backfill)
}

/** By index chain_operations_pending, and never more rows of it than `most` of each mark. */
export async function countWaiting(
  sql: AnySql,
  type: OperationType,
  most: number,
  rebuild: bigint | null,
): Promise<Counts> {
  const counted = (backfill: boolean) => sql`(
    select count(*)::int from (
      select from reconciler.chain_operations
      where type = ${type} and backfill = ${backfill} and state = 'pending'
        and rebuild is not distinct from ${rebuild}::bigint
        and (not_before is null or not_before <= clock_timestamp())
      limit ${most}) waiting)`
  const [row] = await sql<[Counts]>`select ${counted(false)} as live, ${counted(true)} as backfill`
  return row
}

function byPosition(a: ClaimedOperation, b: ClaimedOperation): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1
  return a.eventId < b.eventId ? -1 : 1
}
