import type { DeadLetter, DeadLetters } from "../../../dead-letters/ports.ts"
import type { Sql } from "../client.ts"

export function createDeadLetters(sql: Sql): DeadLetters {
  return {
    list: ({ limit, after = 0n }) => sql<DeadLetter[]>`
      select id, source, reason, event_id as "eventId", position, type,
        '0x' || encode(subject, 'hex') as subject, topic, partition, "offset", fields,
        trunc(extract(epoch from created_at) * 1000)::float8 as "createdAtMs"
      from reconciler.dead_letters where id > ${after} order by id limit ${limit}`,

    async count() {
      const [row] = await sql<{ count: number }[]>`select count(*)::int as count from reconciler.dead_letters`
      return row?.count ?? 0
    },
  }
}
