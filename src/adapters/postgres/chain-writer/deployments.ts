import type {
  Begun,
  Contracts,
  Deployment,
  Deployments,
  Rebuild,
} from "../../../chain-writer/deployment-ports.ts"
import type { AnySql, Sql, TransactionSql } from "../client.ts"
import { bytes, hex } from "./hex.ts"

export function createDeployments(sql: Sql): Deployments {
  return {
    async current() {
      const rows = await readDeployments(sql)
      const active = rows.find(({ state }) => state === "active")
      const rebuild = rows.find(({ state }) => state === "rebuilding")
      return { active: active ? toDeployment(active) : null, rebuild: rebuild ? toRebuild(rebuild) : null }
    },
    adopt: deployment => adopt(sql, deployment),
    begin: request => begin(sql, request),

    async setContracts(id, contracts) {
      await sql`
        update reconciler.chain_deployments set ${sql(addressColumns(contracts))}
        where id = ${id} and state = 'rebuilding'`
    },

    async activate(id) {
      await sql.begin(async tx => {
        await tx`update reconciler.chain_deployments set state = 'retired' where state = 'active'`
        const activated = await tx`
          update reconciler.chain_deployments set state = 'active', active_at = clock_timestamp()
          where id = ${id} and state = 'rebuilding'`
        if (activated.count !== 1) throw new Error(`deployment ${id} is not being rebuilt`)
        await deletePlan(tx, id)
      })
    },

    async abandon(id) {
      await sql.begin(tx => abandonRebuild(tx, id))
    },
  }
}

interface DeploymentRow {
  readonly id: bigint
  readonly state: "active" | "rebuilding"
  readonly genesis: Buffer
  readonly patient: Buffer | null
  readonly ipBlock: Buffer | null
  readonly attackSignature: Buffer | null
  readonly planned: boolean
  readonly rounds: number
}

function readDeployments(sql: AnySql): Promise<readonly DeploymentRow[]> {
  return sql<DeploymentRow[]>`
    select id, state, genesis_hash as genesis, patient, ip_block as "ipBlock",
      attack_signature as "attackSignature", planned_at is not null as planned, rounds
    from reconciler.chain_deployments where state in ('active', 'rebuilding')`
}

function toContracts({ patient, ipBlock, attackSignature }: DeploymentRow): Contracts | null {
  if (!patient || !ipBlock || !attackSignature) return null
  return { patient: hex(patient), "ip-block": hex(ipBlock), "attack-signature": hex(attackSignature) }
}

function toDeployment(row: DeploymentRow): Deployment {
  const contracts = toContracts(row)
  if (!contracts) throw new Error("the active deployment has no addresses")
  return { genesisHash: hex(row.genesis), contracts }
}

function toRebuild(row: DeploymentRow): Rebuild {
  const { id, planned, rounds } = row
  return { id, genesisHash: hex(row.genesis), contracts: toContracts(row), planned, rounds }
}

function addressColumns(contracts: Contracts) {
  return {
    patient: bytes(contracts.patient),
    ip_block: bytes(contracts["ip-block"]),
    attack_signature: bytes(contracts["attack-signature"]),
  }
}

function adopt(sql: Sql, { genesisHash, contracts }: Deployment): Promise<Deployment> {
  const { patient, ip_block, attack_signature } = addressColumns(contracts)
  return sql.begin(async tx => {
    // Several processes start at once.
    await tx`
      insert into reconciler.chain_deployments (genesis_hash, patient, ip_block, attack_signature, state, active_at)
      values (${bytes(genesisHash)}, ${patient}, ${ip_block}, ${attack_signature}, 'active', clock_timestamp())
      on conflict do nothing`
    const active = (await readDeployments(tx)).find(({ state }) => state === "active")
    if (!active) throw new Error("there is no active deployment")
    return toDeployment(active)
  })
}

function begin(sql: Sql, request: Parameters<Deployments["begin"]>[0]): Promise<Begun> {
  const genesis = bytes(request.genesisHash)
  return sql.begin(async (tx): Promise<Begun> => {
    // Waits for every reservation in hand, and lets none begin that does not see the row below.
    await tx`lock table reconciler.chain_lanes in exclusive mode`
    const running = (await readDeployments(tx)).find(({ state }) => state === "rebuilding")
    const elsewhere = await tx<{ address: Buffer }[]>`
      select address from reconciler.chain_lanes where genesis_hash <> ${genesis} order by address`
    if (elsewhere.length > 0) {
      if (!request.leaveChain) {
        return { kind: "other-chain", lanes: elsewhere.map(({ address }) => hex(address)) }
      }
      await leaveChain(tx, genesis)
    }
    if (running?.genesis.equals(genesis)) return { kind: "resumed", rebuild: toRebuild(running) }
    // The chain that it was begun on is gone, and with it what it did there.
    if (running) await abandonRebuild(tx, running.id)
    await tx`
      insert into reconciler.chain_deployments (genesis_hash, state) values (${genesis}, 'rebuilding')`
    const rebuild = (await readDeployments(tx)).find(({ state }) => state === "rebuilding")
    if (!rebuild) throw new Error("an insert gave no row")
    return { kind: "begun", rebuild: toRebuild(rebuild) }
  })
}

/** Nothing that is open on the other chain can ever be settled: its operations are to be done on this one. */
async function leaveChain(tx: TransactionSql, genesis: Buffer): Promise<void> {
  await tx`
    update reconciler.chain_operations o set state = 'pending'
    from reconciler.chain_transaction_operations p join reconciler.chain_transactions t on t.id = p.transaction_id
    where t.genesis_hash <> ${genesis} and t.settled_at is null and o.event_id = p.event_id
      and o.state in ('claimed', 'included')`
  await tx`
    update reconciler.chain_transactions
    set state = 'abandoned', settled_at = clock_timestamp(), mined_hash = null, block_number = null,
      block_hash = null, outcomes = null
    where genesis_hash <> ${genesis} and settled_at is null`
  await tx`
    delete from reconciler.chain_findings
    where lane in (select address from reconciler.chain_lanes where genesis_hash <> ${genesis})`
  await tx`
    update reconciler.chain_lanes
    set genesis_hash = ${genesis}, next_nonce = 0, epoch = epoch + 1, holder = null, halted = null,
      leased_until = clock_timestamp()
    where genesis_hash <> ${genesis}`
}

async function abandonRebuild(tx: TransactionSql, id: bigint): Promise<void> {
  await tx`update reconciler.chain_deployments set state = 'abandoned' where id = ${id} and state = 'rebuilding'`
  await deletePlan(tx, id)
}

async function deletePlan(tx: TransactionSql, id: bigint): Promise<void> {
  await tx`delete from reconciler.chain_rebuild_subjects where deployment_id = ${id}`
}
