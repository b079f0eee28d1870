import type { AnySql } from "./client.ts"

/** Where the group continues in the partition; null when it never stored anything. */
export async function readOffset(
  sql: AnySql,
  consumerGroup: string,
  topic: string,
  partition: number,
): Promise<bigint | null> {
  const [row] = await sql<{ nextOffset: bigint }[]>`
    select next_offset as "nextOffset" from reconciler.consumer_offsets
    where consumer_group = ${consumerGroup} and topic = ${topic} and partition = ${partition}`
  return row?.nextOffset ?? null
}

/**
 * Belongs in the transaction that holds the messages' effects: alone it would skip them after a crash. It may go back: a
 * consumer that stores late makes messages come again, no more, and an offset that cannot go back would skip the
 * beginning of a topic made anew, once that is longer than the old one was.
 */
export async function storeOffset(
  tx: AnySql,
  consumerGroup: string,
  topic: string,
  partition: number,
  nextOffset: bigint,
): Promise<void> {
  await tx`
    insert into reconciler.consumer_offsets (consumer_group, topic, partition, next_offset)
    values (${consumerGroup}, ${topic}, ${partition}, ${nextOffset})
    on conflict (consumer_group, topic, partition) do update set next_offset = excluded.next_offset`
}
