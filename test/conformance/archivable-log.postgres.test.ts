import { createArchivableLog } from "../../src/adapters/postgres/log-archive/archivable-log.ts"
import { createTestDatabase } from "../support/database.ts"
import { anySubject, event } from "../support/event-builders.ts"
import { writeToLog } from "../support/read-log.ts"
import { archivableLogConformance } from "./archivable-log.ts"

archivableLogConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  const zeros = Buffer.alloc(32)
  return {
    log: createArchivableLog(sql),
    async addDay({ name, from, to }) {
      await sql.unsafe(
        `create table reconciler.${name} partition of reconciler.outbox for values from (${from}) to (${to})`,
      )
    },
    // Results ask nothing of anybody.
    insert: position => writeToLog(sql, { ...event("block-ip.confirmed", anySubject()), position }),
    async passRelay(position) {
      await sql`
        insert into reconciler.relay_cursor (name, position) values ('relay', ${position})
        on conflict (name) do update set position = excluded.position`
    },
    request: position => writeToLog(sql, { ...event("unblock-ip.requested", anySubject()), position }),
    async take(position) {
      await sql`
        insert into reconciler.operation_views (position, subject, event_id, requested_at)
        select seq, subject, event_id, occurred_at from reconciler.outbox where seq = ${position}`
      await sql`
        insert into reconciler.chain_operations (event_id, position, type, kind, subject, word)
        select event_id, seq, 'ip-block', 'unblock-ip', subject, ${zeros}::bytea
        from reconciler.outbox where seq = ${position}`
    },
    async finish(position) {
      await sql`update reconciler.operation_views set result = 'confirmed' where position = ${position}`
      for (const state of ["claimed", "included"]) {
        await sql`update reconciler.chain_operations set state = ${state} where position = ${position}`
      }
      await sql`
        update reconciler.chain_operations
        set state = 'final', result = 'confirmed', outcome = 'Applied', final_at = now()
        where position = ${position}`
    },
    async hold() {
      const reader = await sql.reserve()
      await reader`begin`
      await reader`select count(*) from reconciler.outbox`
      return async () => {
        await reader`rollback`
        reader.release()
      }
    },
    close: drop,
  }
})
