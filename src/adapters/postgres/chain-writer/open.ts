import type {
  Attempt,
  ClaimedOperation,
  ConfirmedTransaction,
  Hex,
  Lane,
  OpenTransaction,
} from "../../../chain-writer/ports.ts"
import type { OperationType } from "../../../domain/operation.ts"
import { outcomeFromCode } from "../../../domain/outcome.ts"
import type { AnySql, Sql, TransactionSql } from "../client.ts"
import { type OperationRow, toClaimed } from "./claim.ts"
import { bytes, hex } from "./hex.ts"

interface TransactionRow {
  id: bigint
  nonce: bigint
  type: OperationType
  contract: Buffer
  state: OpenTransaction["state"]
  minedHash: Buffer | null
  blockNumber: bigint | null
  blockHash: Buffer | null
  outcomes: Buffer | null
}

/** What is not settled of a lane, in the order of nonces. By index chain_transactions_open. */
export async function readOpenTransactions(sql: Sql, lane: Lane): Promise<readonly OpenTransaction[]> {
  // One snapshot of three tables, or a payload could be read without its attempts.
  return sql.begin("isolation level repeatable read read only", async tx => {
    const transactions = await tx<TransactionRow[]>`
      select id, nonce, type, contract, state, mined_hash as "minedHash", block_number as "blockNumber",
        block_hash as "blockHash", outcomes
      from reconciler.chain_transactions
      where lane = ${bytes(lane.address)} and settled_at is null order by nonce`
    const payloadOf = await readPayloads(tx, transactions)
    return transactions.map(row => ({ ...toTransaction(row), ...payloadOf(row.id) }))
  })
}

/** Confirmed ones below a nonce, highest first. By index chain_transactions_confirmed. */
export async function readConfirmed(
  sql: Sql,
  lane: Lane,
  belowNonce: number,
  limit: number,
): Promise<readonly ConfirmedTransaction[]> {
  return sql.begin("isolation level repeatable read read only", async tx => {
    const transactions = await tx<TransactionRow[]>`
      select id, nonce, type, contract, mined_hash as "minedHash", block_number as "blockNumber",
        block_hash as "blockHash", outcomes
      from reconciler.chain_transactions
      where lane = ${bytes(lane.address)} and state = 'confirmed' and contradicted_at is null and nonce < ${belowNonce}
        and genesis_hash = ${genesisOf(tx, lane)}
      order by nonce desc limit ${limit}`
    const payloadOf = await readPayloads(tx, transactions)
    return transactions.map(row => {
      const inclusion = toInclusion(row)
      if (!inclusion) throw new Error(`transaction ${row.id} is confirmed nowhere`)
      const { id, nonce, contract } = row
      return { id, nonce: Number(nonce), contract: hex(contract), inclusion, ...payloadOf(id) }
    })
  })
}

/** Of the chain that the lane is on: what it did on one that it has left says nothing here. */
const genesisOf = (sql: AnySql, lane: Lane) =>
  sql`(select genesis_hash from reconciler.chain_lanes where address = ${bytes(lane.address)})`

interface Payload {
  readonly operations: readonly ClaimedOperation[]
  readonly attempts: readonly Attempt[]
}

async function readPayloads(
  tx: TransactionSql,
  transactions: readonly { readonly id: bigint }[],
): Promise<(id: bigint) => Payload> {
  if (transactions.length === 0) return () => ({ operations: [], attempts: [] })
  // An array and `offset 0`: otherwise the planner, who takes the ids for a hundred and each operation for a trip to the
  // disk, reads every payload and every operation there ever was (1,000,000: 92 ms a batch, so: 5 ms).
  const ids = `{${transactions.map(({ id }) => id).join()}}`
  const operations = await tx<(OperationRow & { transactionId: bigint })[]>`
    select p.transaction_id as "transactionId", o.event_id as "eventId", o.position, o.kind, o.subject, o.word,
      o.traceparent, o.tries
    from reconciler.chain_transaction_operations p, lateral (
      select * from reconciler.chain_operations found where found.event_id = p.event_id offset 0) o
    where p.transaction_id = any(${ids}::bigint[])
    order by p.transaction_id, p.ordinal`
  const attempts = await tx<AttemptRow[]>`
    select transaction_id as "transactionId", hash, records, raw, state, gas_limit as "gasLimit",
      max_fee_per_gas_wei as "maxFeePerGasWei", max_priority_fee_per_gas_wei as "maxPriorityFeePerGasWei",
      (extract(epoch from clock_timestamp() - first_sent_at) * 1000)::float8 as "firstSentAgoMs",
      (extract(epoch from clock_timestamp() - last_sent_at) * 1000)::float8 as "lastSentAgoMs"
    from reconciler.chain_attempts
    where transaction_id = any(${ids}::bigint[])
    order by transaction_id, number`
  const operationsOf = Map.groupBy(operations, row => row.transactionId)
  const attemptsOf = Map.groupBy(attempts, row => row.transactionId)
  return id => ({
    operations: (operationsOf.get(id) ?? []).map(toClaimed),
    attempts: (attemptsOf.get(id) ?? []).map(toAttempt),
  })
}

interface AttemptRow extends Omit<Attempt, "hash" | "raw"> {
  readonly transactionId: bigint
  readonly hash: Buffer
  readonly raw: Buffer
}

function toAttempt({ transactionId: _transactionId, ...row }: AttemptRow): Attempt {
  return { ...row, hash: hex(row.hash), raw: hex(row.raw) }
}

function toTransaction(row: TransactionRow): Omit<OpenTransaction, "operations" | "attempts"> {
  const { id, type, state } = row
  return {
    id,
    nonce: Number(row.nonce),
    type,
    contract: hex(row.contract),
    state,
    inclusion: toInclusion(row),
  }
}

function toInclusion({ minedHash, blockNumber, blockHash, outcomes }: TransactionRow) {
  if (!minedHash || blockNumber === null || !blockHash || !outcomes) return null
  return {
    hash: hex(minedHash),
    blockNumber: Number(blockNumber),
    blockHash: hex(blockHash),
    outcomes: [...outcomes].map(code => {
      const outcome = outcomeFromCode(code)
      if (!outcome) throw new Error(`outcome ${code} is stored, but nobody knows it`)
      return outcome
    }),
  }
}

/**
 * The bytes that settled transactions were sent as, from a nonce on; of each the one that was mined, else the last. By
 * index chain_transactions_lane_nonce, and no further than asked.
 */
export async function readSettledBytes(
  sql: Sql,
  lane: Lane,
  fromNonce: number,
  most: number,
): Promise<readonly { readonly hash: Hex; readonly raw: Hex }[]> {
  const rows = await sql<{ hash: Buffer; raw: Buffer }[]>`
    select sent.hash, sent.raw
    from (
      select t.id, t.nonce, t.mined_hash from reconciler.chain_transactions t
      where t.lane = ${bytes(lane.address)} and t.genesis_hash = ${genesisOf(sql, lane)}
        and t.nonce >= ${fromNonce} and t.settled_at is not null
      order by t.nonce limit ${most}) settled,
    lateral (
      select a.hash, a.raw from reconciler.chain_attempts a where a.transaction_id = settled.id
      order by (a.hash = settled.mined_hash) desc nulls last, a.number desc limit 1) sent
    order by settled.nonce`
  return rows.map(row => ({ hash: hex(row.hash), raw: hex(row.raw) }))
}
