import type { Lane, OpenTransaction, TransactionLog } from "../../../chain-writer/ports.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { claimOperations } from "./claim.ts"
import { fence } from "./fence.ts"
import { bytes } from "./hex.ts"

type Claim = Parameters<TransactionLog["reserve"]>[1]

/** Claims operations and gives them the lane's next nonce, in one transaction: no nonce without a payload, no gap. */
export function reserveTransaction(
  sql: Sql,
  lane: Lane,
  claim: Claim,
  rebuild: bigint | null,
): Promise<OpenTransaction | null> {
  return sql.begin(async tx => {
    await fence(tx, lane)
    if (!(await mayReserve(tx, lane)) || !(await isWrittenTo(tx, claim, rebuild))) return null
    const operations = await claimOperations(tx, claim, rebuild)
    if (operations.length === 0) return null
    const nonce = await takeNonce(tx, lane, claim.atLeastNonce)
    const { type, contract } = claim
    const id = await insertTransaction(tx, lane, nonce, claim)
    await insertPayload(
      tx,
      id,
      operations.map(({ eventId }) => eventId),
    )
    return { id, nonce, type, contract, state: "reserved", operations, attempts: [], inclusion: null }
  })
}

async function mayReserve(tx: TransactionSql, lane: Lane): Promise<boolean> {
  const rows = await tx`
    select from reconciler.chain_lanes
    where address = ${bytes(lane.address)} and halted is null and not draining`
  return rows.length === 1
}

/**
 * Whether the contract is the rebuilt one, or the active one while none is rebuilt. After the fence, whose lock the
 * beginning of a rebuild waits for: nothing can be reserved that a rebuild does not see.
 */
async function isWrittenTo(
  tx: TransactionSql,
  { type, contract }: Claim,
  rebuild: bigint | null,
): Promise<boolean> {
  const rows = await tx<{ id: bigint; state: string; contract: Buffer | null }[]>`
    select id, state, case ${type} when 'patient' then patient when 'ip-block' then ip_block
      else attack_signature end as contract
    from reconciler.chain_deployments where state in ('active', 'rebuilding')`
  const rebuilt = rows.find(({ state }) => state === "rebuilding")
  if (rebuild !== null && rebuilt?.id !== rebuild) return false
  if (rebuild === null && rebuilt) return false
  const written = rebuilt ?? rows[0]
  // Of a database that has no deployment on record yet.
  return written === undefined || (written.contract?.equals(bytes(contract)) ?? false)
}

async function takeNonce(tx: TransactionSql, lane: Lane, atLeastNonce: number): Promise<number> {
  const [row] = await tx<{ nonce: bigint }[]>`
    update reconciler.chain_lanes set next_nonce = greatest(next_nonce, ${atLeastNonce}) + 1
    where address = ${bytes(lane.address)} returning next_nonce - 1 as nonce`
  if (!row) throw new Error("the lane's row is gone")
  return Number(row.nonce)
}

async function insertTransaction(
  tx: TransactionSql,
  lane: Lane,
  nonce: number,
  claim: Claim,
): Promise<bigint> {
  const [row] = await tx<{ id: bigint }[]>`
    insert into reconciler.chain_transactions (lane, nonce, genesis_hash, type, contract)
    select address, ${nonce}, genesis_hash, ${claim.type}, ${bytes(claim.contract)}
    from reconciler.chain_lanes where address = ${bytes(lane.address)} returning id`
  if (!row) throw new Error("an insert gave no row")
  return row.id
}

async function insertPayload(tx: TransactionSql, id: bigint, eventIds: readonly string[]): Promise<void> {
  await tx`
    insert into reconciler.chain_transaction_operations (transaction_id, ordinal, event_id)
    select ${id}, n - 1, event_id::uuid
    from jsonb_array_elements_text(${tx.json(eventIds)}) with ordinality as payload (event_id, n)`
}
