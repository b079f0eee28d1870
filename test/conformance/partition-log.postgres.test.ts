import type { Sql } from "../../src/adapters/postgres/client.ts"
import { createPostgresPartitionLog } from "../../src/adapters/postgres/event-log/ensure-partitions.ts"
import { createTestDatabase } from "../support/database.ts"
import { anyPosition } from "../support/event-builders.ts"
import { partitionLogConformance } from "./partition-log.ts"

partitionLogConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  await dropDailyPartitions(sql)
  return {
    log: createPostgresPartitionLog(sql),
    async hold() {
      const reader = await sql.reserve()
      await reader`begin`
      await reader`select count(*) from reconciler.outbox`
      return async () => {
        await reader`rollback`
        reader.release()
      }
    },
    async append(daysFromNow) {
      await sql`
        insert into reconciler.outbox (seq, type, subject, payload)
        values (${anyPosition() + BigInt(daysFromNow * 86_400_000) * 2n ** 22n}, 'x', ${Buffer.alloc(32)}, '{}')`
    },
    async strays() {
      const [row] = await sql<[{ rows: number }]>`select count(*)::int as rows from reconciler.outbox_default`
      return row.rows
    },
    close: drop,
  }
})

async function dropDailyPartitions(sql: Sql): Promise<void> {
  const rows = await sql<{ name: string }[]>`
    select inhrelid::regclass::text as name from pg_inherits
    where inhparent = 'reconciler.outbox'::regclass and inhrelid <> 'reconciler.outbox_default'::regclass`
  for (const { name } of rows) await sql.unsafe(`drop table ${name}`)
}
