import type { Position } from "../../../domain/position.ts"
import type { RelayCursor, RelayLease } from "../../../relay/ports.ts"
import type { AnySql, Sql } from "../client.ts"
import { insertDeadLetters } from "../dead-letters/insert.ts"

/** First key of the advisory locks that stand for living holders; the second is the holder's hash. */
const HOLDER_LOCK = 1380137286

/**
 * The lease is measured by the database's clock: the relays' own may differ.
 *
 * Beside it a holder keeps an advisory lock in a session, that of `session`: when its process dies, its connection ends
 * and another takes over at once. A process that is only stopped keeps its connection, and its lease until it runs out.
 */
export function createPostgresRelayCursor(sql: Sql, session: Sql = sql): RelayCursor {
  return {
    acquire: (holder, leaseMs) => takeLease(session, holder, leaseMs),
    async advance(epoch, position, setAside = []) {
      if (setAside.length === 0) return movePosition(sql, epoch, position)
      return sql.begin(async tx => {
        if (!(await movePosition(tx, epoch, position))) return false
        await insertDeadLetters(
          tx,
          setAside.map(({ event, reason, blocksSubject }) => {
            const { eventId, position: at, type, subject } = event
            return { source: "relay", reason, eventId, position: at, type, subject, blocksSubject }
          }),
        )
        return true
      })
    },
    release: epoch => releaseLease(sql, epoch),
  }
}

async function takeLease(sql: Sql, holder: string, leaseMs: number): Promise<RelayLease | null> {
  const [row] = await sql<RelayLease[]>`
    insert into reconciler.relay_cursor as cursor (name, epoch, holder, leased_until)
    select 'relay', 1, ${holder}, clock_timestamp() + ${leaseMs} * interval '1 ms'
    -- Held once or more often by this session, or by another one of this holder: it is held.
    where pg_try_advisory_lock(${HOLDER_LOCK}, hashtext(${holder})) is not null
    on conflict (name) do update set
      epoch = cursor.epoch + case when cursor.holder = excluded.holder then 0 else 1 end,
      holder = excluded.holder,
      leased_until = excluded.leased_until
    where cursor.holder is null or cursor.holder = excluded.holder or cursor.leased_until < clock_timestamp()
      or not exists (
        select from pg_locks
        where locktype = 'advisory' and classid = ${HOLDER_LOCK} and objsubid = 2
          and objid = (hashtext(cursor.holder)::bigint & 4294967295)::oid
          and database = (select oid from pg_database where datname = current_database()))
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
