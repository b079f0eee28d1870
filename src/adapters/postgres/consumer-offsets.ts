import type { OffsetStep } from "../../bus/consume.ts"
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
 * Moves the offset from `storedOffset` to `nextOffset`; false, and nothing written, if another one is stored. First in
 * the transaction that holds the messages' effects: it locks the group's partition, so that two members which both
 * believe to have it come one after the other. Written without regard to what is there, an offset would skip messages
 * whose effects a database that went back to an older state has lost. It may go back itself: a topic made anew is
 * shorter than the old one was.
 */
export async function moveOffset(tx: AnySql, step: OffsetStep): Promise<boolean> {
  const { consumerGroup, topic, partition, storedOffset, nextOffset } = step
  const moved =
    storedOffset === null
      ? await tx`
          insert into reconciler.consumer_offsets (consumer_group, topic, partition, next_offset)
          values (${consumerGroup}, ${topic}, ${partition}, ${nextOffset})
          on conflict do nothing`
      : await tx`
          update reconciler.consumer_offsets set next_offset = ${nextOffset}
          where consumer_group = ${consumerGroup} and topic = ${topic} and partition = ${partition}
            and next_offset = ${storedOffset}`
  return moved.count === 1
}
