import type { AnySql, Sql } from "../../src/adapters/postgres/client.ts"

const OPERATIONS_A_TRANSACTION = 256
/** Nobody's: it only has a past. */
const LANE = "1a".repeat(20)

/** Final operations that are in nobody's way: what years leave behind. Their transactions and attempts too. */
export async function fillHistory(sql: Sql, rows: number): Promise<void> {
  await sql`
    insert into reconciler.chain_operations
      (event_id, position, type, kind, subject, word, state, result, outcome, final_at)
    select gen_random_uuid(), n, 'patient', 'register-patient', sha256(int8send(n)), sha256(int8send(-n)), 'final',
      'confirmed', 'Applied', clock_timestamp()
    from generate_series(0, ${rows - 1}::bigint) n`
  await fillTransactions(sql, Math.ceil(rows / OPERATIONS_A_TRANSACTION))
  await sql`
    insert into reconciler.chain_transaction_operations (transaction_id, ordinal, event_id)
    select t.id, o.position % ${OPERATIONS_A_TRANSACTION}, o.event_id
    from reconciler.chain_operations o
      join reconciler.chain_transactions t on t.nonce = o.position / ${OPERATIONS_A_TRANSACTION}
    where t.lane = decode(${LANE}, 'hex') and o.position < ${rows}`
  // Statistics from a moment when nothing waits, as the server takes them in quiet hours: what plans must bear.
  // Vacuum, or what follows is measured beside the cleaning up after millions of inserts.
  await sql`
    vacuum (analyze) reconciler.chain_operations, reconciler.chain_transactions, reconciler.chain_attempts,
      reconciler.chain_transaction_operations`
}

async function fillTransactions(sql: Sql, count: number): Promise<void> {
  await sql`
    insert into reconciler.chain_lanes (address, genesis_hash, epoch, leased_until, next_nonce)
    values (decode(${LANE}, 'hex'), sha256('history'), 1, clock_timestamp(), ${count})`
  await sql`
    insert into reconciler.chain_transactions (lane, genesis_hash, nonce, type, contract, state, mined_hash,
      block_number, block_hash, outcomes, settled_at)
    select address, genesis_hash, n, 'patient', address, 'confirmed', sha256(int8send(n)), n, sha256(int8send(n)),
      decode(repeat('01', ${OPERATIONS_A_TRANSACTION}), 'hex'), clock_timestamp()
    from reconciler.chain_lanes, generate_series(0, ${count - 1}::bigint) n
    where address = decode(${LANE}, 'hex')`
  await sql`
    insert into reconciler.chain_attempts (hash, transaction_id, number, records, raw, state, gas_limit,
      max_fee_per_gas_wei, max_priority_fee_per_gas_wei, first_sent_at, last_sent_at)
    select mined_hash, id, 0, ${OPERATIONS_A_TRANSACTION}, decode(repeat('5a', 16 * 1024), 'hex'), 'sent', 8000000,
      1, 1, clock_timestamp(), clock_timestamp()
    from reconciler.chain_transactions where lane = decode(${LANE}, 'hex')`
}

export interface Plan {
  readonly statement: string
  readonly milliseconds: number
  readonly plan: readonly string[]
}

/** How the statements of a pass find their rows, measured: without a scan of a whole table, history costs nothing. */
export async function plans(sql: Sql): Promise<readonly Plan[]> {
  return [
    await explain(sql, "ready types", READY),
    await sql.begin(async tx => {
      // As claim.ts does before it.
      await tx`
        select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
          set_config('enable_seqscan', 'off', true)`
      return explain(tx, "claim of 256", CLAIM)
    }),
    await explain(sql, "newest confirmed of a lane", CONFIRMED),
  ]
}

async function explain(sql: AnySql, statement: string, text: string): Promise<Plan> {
  const rows = await sql.unsafe<{ "QUERY PLAN": string }[]>(
    `explain (analyze, costs off, timing off) ${text}`,
  )
  const lines = rows.map(row => row["QUERY PLAN"])
  const time = lines.find(line => line.startsWith("Execution Time"))
  const plan = lines.filter(line => /Scan|Seq/.test(line)).map(line => line.trim().replace(/\s*\(.*$/, ""))
  return { statement, milliseconds: Number(/[0-9.]+/.exec(time ?? "")?.[0] ?? Number.NaN), plan }
}

/** As in claim.ts, without its update: a plan that is measured must not change what it measures. */
const queue = (backfill: boolean) => `
  select c.event_id from reconciler.chain_operations c
  where c.type = 'patient' and c.backfill = ${backfill} and c.state = 'pending'
    and (c.not_before is null or c.not_before <= statement_timestamp())
    and (
      select earlier.event_id from reconciler.chain_operations earlier
      where earlier.subject = c.subject and (earlier.position, earlier.event_id) < (c.position, c.event_id)
        and earlier.state in ('pending', 'claimed')
        and (earlier.state = 'claimed' or earlier.not_before > statement_timestamp()
          or earlier.backfill <> c.backfill)
      limit 1) is null
  order by c.position, c.event_id limit 256`
const CLAIM = `
  select event_id from (
    select event_id, row_number() over () as n, 1 as turn from (${queue(false)}) live
    union all
    select event_id, row_number() over () as n, case when row_number() over () <= 32 then 0 else 2 end as turn
    from (${queue(true)}) backfill
  ) both_queues
  order by turn, n limit 256`
const READY = `
  select type from unnest(array['patient', 'ip-block', 'attack-signature']) as types (type)
  where exists (
    select from reconciler.chain_operations o
    where o.type = types.type and not o.backfill and o.state = 'pending'
      and (o.not_before is null or o.not_before <= clock_timestamp()))`
const CONFIRMED = `
  select id, nonce, block_number from reconciler.chain_transactions
  where lane = '\\x${LANE}' and state = 'confirmed' and contradicted_at is null and nonce < 9007199254740991
    and genesis_hash = (select genesis_hash from reconciler.chain_lanes where address = '\\x${LANE}')
  order by nonce desc limit 1`
