import type { RelayLeader } from "../../../ops/status.ts"
import type { Sql } from "../client.ts"

/** Who leads, and which open transactions all later events wait for: those that have the log's insert lock. */
export async function readRelayLeader(sql: Sql): Promise<RelayLeader> {
  const [row] = await sql<[{ active: boolean; epoch: bigint; holders: number; oldestAgeMs: number | null }]>`
    with holders as (
      select distinct pid, virtualtransaction from pg_locks
      where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
        and database = (select oid from pg_database where datname = current_database())
        and relation in (select relid from pg_partition_tree('reconciler.outbox'))),
    begun as (
      select a.xact_start as at from holders h join pg_stat_activity a using (pid)
      union all
      select p.prepared from holders h
      join pg_locks l on l.virtualtransaction = h.virtualtransaction and l.locktype = 'transactionid'
      join pg_prepared_xacts p on p.transaction = l.transactionid
      where h.pid is null)
    select coalesce((select holder is not null and leased_until > clock_timestamp()
        from reconciler.relay_cursor where name = 'relay'), false) as active,
      coalesce((select epoch from reconciler.relay_cursor where name = 'relay'), 0) as epoch,
      (select count(*)::int from holders) as holders,
      (select (extract(epoch from clock_timestamp() - min(at)) * 1000)::float8 from begun) as "oldestAgeMs"`
  const { active, epoch, holders, oldestAgeMs } = row
  return { active, epoch, horizon: { holders, oldestAgeMs } }
}
