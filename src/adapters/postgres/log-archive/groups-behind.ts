import type { GroupEnd } from "../../../outbox/archive-ports.ts"
import type { Sql } from "../client.ts"

/**
 * Groups whose stored offsets are below these ends. A group that never stored one is not in use: it does not count,
 * or write-back, which is off where the app has no tables, would keep the log for ever.
 */
export async function readGroupsBehind(sql: Sql, ends: readonly GroupEnd[]): Promise<readonly string[]> {
  const given = ends.map(({ groupId, topic, partition, offset }) => ({
    group: groupId,
    topic,
    partition,
    offset: offset.toString(),
  }))
  const rows = await sql<{ group: string }[]>`
    select distinct e."group"
    from jsonb_to_recordset(${JSON.stringify(given)}::text::jsonb)
      as e ("group" text, topic text, partition int, "offset" bigint)
    where exists (select from reconciler.consumer_offsets c where c.consumer_group = e."group")
      and not exists (
        select from reconciler.consumer_offsets c
        where c.consumer_group = e."group" and c.topic = e.topic and c.partition = e.partition
          and c.next_offset >= e."offset")
    order by 1`
  return rows.map(row => row.group)
}
