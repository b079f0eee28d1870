import type { Position } from "../../../domain/position.ts"
import type { RelayCursor, RelayLease } from "../../../relay/ports.ts"
import type { AnySql, Sql } from "../client.ts"
import { insertDeadLetter } from "../dead-letters/insert.ts"

/** The lease is measured by the database's clock: the relays' own may differ. */
export function createPostgresRelayCursor(sql: Sql): RelayCursor {
  return {
    acquire: (holder, leaseMs) => takeLease(sql, holder, leaseMs),
    async advance(epoch, position, setAside = []) {
      if (setAside.length === 0) return movePosition(sql, epoch, position)
      return sql.begin(async tx => {
        if (!(await movePosition(tx, epoch, position))) return false
        for (const { event, reason } of setAside) {
          const { eventId, type, subject } = event
          await insertDeadLetter(tx, {
            source: "relay",
            reason,
            eventId,
            position: event.position,
            type,
            subject,
          })
        }
        return true
      })
    },
    release: epoch => releaseLease(sql, epoch),
  }
}

async function takeLease(sql: Sql, holder: string, leaseMs: number): Promise<RelayLease | null> {
  const [row] = await sql<RelayLease[]>`
    insert into reconciler.relay_cursor as cursor (name, epoch, holder, leased_until)
    values ('relay', 1, ${holder}, clock_timestamp() + ${leaseMs} * interval '1 ms')
    on conflict (name) do update set
      epoch = cursor.epoch + case when cursor.holder = excluded.holder then 0 else 1 end,
      holder = excluded.holder,
      leased_until = excluded.leased_until
    where cursor.holder is null or cursor.holder = excluded.holder or cursor.leased_until < clock_timestamp()
    returning epoch, position`
  return row ? { epoch: row.epoch, position: row.position } : null
}

async function movePosition(sql: AnySql, epoch: bigint, position: Position): Promise<boolean> {
  const moved = await sql`
    update reconciler.relay_cursor set position = ${position}
    where name = 'relay' and epoch = ${epoch} and holder is not null and position <= ${position}`
  return moved.count === 1
}

async function releaseLease(sql: Sql, epoch: bigint): Promise<void> {
  await sql`
    update reconciler.relay_cursor set holder = null, leased_until = null
    where name = 'relay' and epoch = ${epoch}`
}
