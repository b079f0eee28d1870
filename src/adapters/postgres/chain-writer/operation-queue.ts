import { placeOf } from "../../../bus/known-headers.ts"
import { keepOrder } from "../../../chain-writer/keep-order.ts"
import type { Counts, OperationQueue, QueuedOperation } from "../../../chain-writer/ports.ts"
import type { NewDeadLetter } from "../../../dead-letters/ports.ts"
import { operationDefinition } from "../../../domain/operations/index.ts"
import type { PoisonPolicy } from "../../../domain/order.ts"
import type { Subject } from "../../../domain/subject.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { moveOffset, readOffset } from "../consumer-offsets.ts"
import { insertDeadLetters, insertMalformed } from "../dead-letters/insert.ts"
import { hasUnsettled, readPlaces, resolveHandled } from "../dead-letters/unsettled.ts"
import { hex, wordBytes } from "./hex.ts"

/** Operations in one statement: keeps a parameter of a batch at a few hundred kilobytes. */
const CHUNK = 1_000

const SOURCE = "chain-writer"

export function createOperationQueue(
  sql: Sql,
  { onPoison }: { readonly onPoison: PoisonPolicy } = { onPoison: "block-subject" },
): OperationQueue {
  const blocks = onPoison === "block-subject"
  return {
    storedOffset: (consumerGroup, topic, partition) => readOffset(sql, consumerGroup, topic, partition),
    accept: ({ operations, malformed, ...step }) =>
      sql.begin(async tx => {
        if (!(await moveOffset(tx, step))) return { outcome: "moved", added: 0 } as const
        const isAnyUnsettled = await hasUnsettled(tx, SOURCE)
        const unsettled = blocks && isAnyUnsettled ? await readPlaces(tx, SOURCE, subjectsOf(operations)) : []
        const places = blocks ? malformed.flatMap(({ message }) => placeOf(message.headers) ?? []) : []
        const { accepted, blocked } = keepOrder(operations, places, unsettled)
        const added = await acceptOperations(tx, accepted)
        if (isAnyUnsettled) await resolveHandled(tx, SOURCE, accepted)
        await insertMalformed(tx, SOURCE, malformed, { blocks })
        await insertDeadLetters(tx, blocked.map(toBlockedLetter))
        return { outcome: "stored", added } as const
      }),
    pending: () => countPending(sql),
  }
}

/** Those whose id is absent; how many. */
export async function acceptOperations(
  tx: TransactionSql,
  operations: readonly QueuedOperation[],
): Promise<number> {
  let added = 0
  for (let from = 0; from < operations.length; from += CHUNK) {
    added += await insertOperations(tx, operations.slice(from, from + CHUNK))
  }
  await makeLive(tx, operations)
  return added
}

function subjectsOf(operations: readonly QueuedOperation[]): ReadonlySet<Subject> {
  return new Set(operations.map(({ subject }) => subject))
}

function toBlockedLetter({ eventId, position, kind, subject }: QueuedOperation): NewDeadLetter {
  const type = operationDefinition(kind).requestEvent
  return { source: SOURCE, reason: "subject-blocked", eventId, position, type, subject, blocksSubject: true }
}

async function insertOperations(tx: TransactionSql, operations: readonly QueuedOperation[]): Promise<number> {
  const rows = operations.map(operation => ({
    event_id: operation.eventId,
    position: operation.position.toString(),
    type: operation.type,
    kind: operation.kind,
    subject: operation.subject.slice(2),
    word: hex(wordBytes(operation.word)).slice(2),
    traceparent: operation.traceparent,
    backfill: operation.backfill,
  }))
  const inserted = await tx`
    insert into reconciler.chain_operations (event_id, position, type, kind, subject, word, traceparent, backfill)
    select event_id, position, type, kind, decode(subject, 'hex'), decode(word, 'hex'), traceparent, backfill
    from jsonb_to_recordset(${tx.json(rows)}) as given
      (event_id uuid, position bigint, type text, kind text, subject text, word text, traceparent text, backfill boolean)
    on conflict (event_id) do nothing`
  return inserted.count
}

/**
 * Backfill before a live operation of its subject becomes live: that one has to wait for it. By index
 * chain_operations_unfinished_of_subject, subject by subject: `offset 0` and the subquery keep the planner, who has
 * statistics from a time when nothing waited, from joining the whole backlog.
 */
async function makeLive(tx: TransactionSql, operations: readonly QueuedOperation[]): Promise<void> {
  const subjects = [...new Set(operations.map(({ subject }) => subject.slice(2)))]
  for (let from = 0; from < subjects.length; from += CHUNK) {
    await tx`
      update reconciler.chain_operations o set backfill = false
      from jsonb_array_elements_text(${tx.json(subjects.slice(from, from + CHUNK))}) as given (subject), lateral (
        select b.event_id from reconciler.chain_operations b
        where b.subject = decode(given.subject, 'hex') and b.state in ('pending', 'claimed', 'included') and b.backfill
          and b.rebuild is null
          and (
            select later.event_id from reconciler.chain_operations later
            where later.subject = b.subject and (later.position, later.event_id) > (b.position, b.event_id)
              and later.state in ('pending', 'claimed', 'included') and not later.backfill and later.rebuild is null
            limit 1) is not null
        offset 0) before
      where o.event_id = before.event_id and o.backfill`
  }
}

async function countPending(sql: Sql): Promise<Counts> {
  const [row] = await sql<[{ live: bigint; backfill: bigint }]>`
    select count(*) filter (where not backfill) as live, count(*) filter (where backfill) as backfill
    from reconciler.chain_operations where state = 'pending' and rebuild is null`
  return { live: Number(row.live), backfill: Number(row.backfill) }
}
