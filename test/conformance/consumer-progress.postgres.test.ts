import { readGroupsBehind } from "../../src/adapters/postgres/log-archive/groups-behind.ts"
import { createTestDatabase } from "../support/database.ts"
import { consumerProgressConformance } from "./consumer-progress.ts"

consumerProgressConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    progress: { behind: ends => readGroupsBehind(sql, ends) },
    async store({ groupId, topic, partition, offset }) {
      await sql`
        insert into reconciler.consumer_offsets (consumer_group, topic, partition, next_offset)
        values (${groupId}, ${topic}, ${partition}, ${offset})
        on conflict (consumer_group, topic, partition) do update set next_offset = excluded.next_offset`
    },
    close: drop,
  }
})
