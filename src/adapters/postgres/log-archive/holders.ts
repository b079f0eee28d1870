import { operationDefinition, operationKinds } from "../../../domain/operations/index.ts"
import type { Holder, Partition } from "../../../outbox/archive-ports.ts"
import type { Sql } from "../client.ts"

/**
 * Who may still need events of this partition or of earlier ones:
 * - the relay, until its cursor stands above the partition. It moves only over what is settled, so nothing uncommitted
 *   of the partition can be left then;
 * - the chain writer, while an operation requested so early is not final;
 * - the projector, while such an operation has no result in the read model, or is not in it at all; a request that
 *   was set aside as a dead letter may never be;
 * - a person, while such an event is set aside and may be requeued.
 * How far the consumers are in Kafka is another question: see ConsumerProgress.
 */
export async function readHolders(sql: Sql, { name, to }: Partition): Promise<readonly Holder[]> {
  const requests = operationKinds.map(kind => operationDefinition(kind).requestEvent)
  const [row] = await sql<
    [{ relay: boolean; chainWriter: boolean; projector: boolean; deadLetters: boolean }]
  >`
    select
      not exists (select from reconciler.relay_cursor where position >= ${to}) as relay,
      exists (select from reconciler.chain_operations where position < ${to} and state <> 'final' and rebuild is null) as "chainWriter",
      exists (select from reconciler.operation_views where position < ${to} and result is null)
        or exists (
          select from ${sql(`reconciler.${name}`)} o
          where o.type in (select jsonb_array_elements_text(${JSON.stringify(requests)}::text::jsonb))
            and not exists (select from reconciler.operation_views v where v.position = o.seq)
            and not exists (select from reconciler.dead_letters d where d.event_id = o.event_id)) as projector,
      exists (
        select from reconciler.dead_letters where position < ${to} and state in ('open', 'requeued')) as "deadLetters"`
  const holds: Record<Exclude<Holder, "consumers">, boolean> = {
    relay: row.relay,
    "chain-writer": row.chainWriter,
    projector: row.projector,
    "dead-letters": row.deadLetters,
  }
  return (["relay", "chain-writer", "projector", "dead-letters"] as const).filter(holder => holds[holder])
}
