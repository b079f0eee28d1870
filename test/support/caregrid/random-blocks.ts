import type { Sql } from "../../../src/adapters/postgres/client.ts"
import type { Random } from "../../../src/demo/random.ts"
import { AUTO_REASON, blockRow } from "./recorded.ts"

interface Found {
  readonly id: bigint
  readonly is_manual: boolean
  readonly in_force: boolean
  readonly stands_by_hand: boolean
}

/**
 * Writes to the app's blocks at random, and keeps what capture must make of each write in a table of the test's own, in
 * the same transaction and under the same row lock: so it is rolled back with it, and in one address's order of commits.
 */
export async function createAudit(connection: Sql): Promise<void> {
  await connection`create table if not exists public.audit (n bigserial, address text, event text)`
}

export interface Expected {
  readonly address: string
  readonly events: readonly string[]
}

export async function readAudit(connection: Sql): Promise<readonly Expected[]> {
  return connection<Expected[]>`
    select address, array_agg(event order by n) as events from public.audit group by address order by address`
}

/** One transaction of one to four writes, over addresses in sorted order, which the app needs to have no deadlocks. */
export async function writeAtRandom(
  connection: Sql,
  random: Random,
  addresses: readonly string[],
): Promise<void> {
  const chosen = Array.from(
    { length: 1 + random.below(4) },
    () => addresses[random.below(addresses.length)] ?? "",
  )
  await connection`begin`
  for (const address of chosen.sort()) {
    const isUndone = random.below(5) === 0
    await connection`savepoint one`
    await writeOne(connection, random, address)
    if (isUndone) await connection`rollback to savepoint one`
    if (random.below(6) === 0) await connection`select pg_sleep(${random.below(20) / 1000})`
  }
  if (random.below(5) === 0) await connection`rollback`
  else await connection`commit`
}

async function writeOne(connection: Sql, random: Random, address: string): Promise<void> {
  // Two statements: what is read together with a lock can be older than the lock.
  await connection`select from firewall_blockedip where ip_address = ${address}::text::inet for update`
  const [found] = await connection<Found[]>`
    select id, is_manual, expiry_time > clock_timestamp() as in_force, coalesce((
      select event = 'block-ip manual' from public.audit where address = ${address} order by n desc limit 1), false)
      as stands_by_hand
    from firewall_blockedip where ip_address = ${address}::text::inet for update`
  if (!found) return insertBlock(connection, random, address)
  const { id } = found
  const row = connection`firewall_blockedip`
  switch (random.below(5)) {
    case 0:
      await connection`update ${row} set blockchain_synced = not blockchain_synced where id = ${id}`
      return
    case 1:
      await connection`delete from ${row} where id = ${id}`
      return found.in_force ? audit(connection, address, "unblock-ip") : undefined
    case 2:
      if (!found.in_force) return
      await connection`update ${row} set expiry_time = clock_timestamp() where id = ${id}`
      return audit(connection, address, "unblock-ip")
    case 3:
      if (found.is_manual) return
      await connection`update ${row} set is_manual = true, expiry_time = greatest(expiry_time, clock_timestamp() + interval '1 hour') where id = ${id}`
      return audit(connection, address, "block-ip manual")
    default:
      await connection`update ${row} set expiry_time = greatest(expiry_time, clock_timestamp()) + interval '1 hour',
        reason = ${AUTO_REASON} where id = ${id}`
      // An attack on a block by hand changes its row and nothing else.
      return found.stands_by_hand ? undefined : audit(connection, address, "block-ip automatic")
  }
}

async function insertBlock(connection: Sql, random: Random, address: string): Promise<void> {
  const is_manual = random.below(3) === 0
  const expiry_time = new Date(Date.now() + 7_200_000).toISOString()
  const row = blockRow({ ip_address: address, ip_hash: "ab".repeat(32), expiry_time, is_manual })
  const inserted = await connection`
    insert into firewall_blockedip ${connection(row)} on conflict do nothing returning id`
  if (inserted.length > 0)
    await audit(connection, address, is_manual ? "block-ip manual" : "block-ip automatic")
}

async function audit(connection: Sql, address: string, event: string): Promise<void> {
  await connection`insert into public.audit (address, event) values (${address}, ${event})`
}
