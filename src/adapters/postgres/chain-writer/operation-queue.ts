import type { OperationQueue, QueuedOperation } from "../../../chain-writer/ports.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { moveOffset, readOffset } from "../consumer-offsets.ts"
import { insertMalformed } from "../dead-letters/insert.ts"
import { hex, wordBytes } from "./hex.ts"

/** Operations in one statement: keeps a parameter of a batch at a few hundred kilobytes. */
const CHUNK = 1_000

export function createOperationQueue(sql: Sql): OperationQueue {
  return {
    storedOffset: (consumerGroup, topic, partition) => readOffset(sql, consumerGroup, topic, partition),
    accept: ({ operations, malformed, ...step }) =>
      sql.begin(async tx => {
        if (!(await moveOffset(tx, step))) return { outcome: "moved", added: 0 } as const
        let added = 0
        for (let from = 0; from < operations.length; from += CHUNK) {
          added += await insertOperations(tx, operations.slice(from, from + CHUNK))
        }
        await insertMalformed(tx, "chain-writer", malformed)
        return { outcome: "stored", added } as const
      }),
    pending: () => countPending(sql),
  }
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
  }))
  const inserted = await tx`
    insert into reconciler.chain_operations (event_id, position, type, kind, subject, word, traceparent)
    select event_id, position, type, kind, decode(subject, 'hex'), decode(word, 'hex'), traceparent
    from jsonb_to_recordset(${tx.json(rows)}) as given
      (event_id uuid, position bigint, type text, kind text, subject text, word text, traceparent text)
    on conflict (event_id) do nothing`
  return inserted.count
}

async function countPending(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: bigint }[]>`
    select count(*) as count from reconciler.chain_operations where state = 'pending' and rebuild is null`
  return Number(row?.count ?? 0n)
}
