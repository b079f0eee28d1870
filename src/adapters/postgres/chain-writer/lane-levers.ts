import { type Finding, STAYING_FINDINGS } from "../../../chain-writer/finding.ts"
import type { LaneLevers, LaneStatus } from "../../../chain-writer/lane-levers.ts"
import type { Sql } from "../client.ts"
import { bytes, hex } from "./hex.ts"

export function createLaneLevers(sql: Sql): LaneLevers {
  return {
    list: () => listLanes(sql),

    resume: address =>
      sql.begin(async tx => {
        const lanes = await tx`
          update reconciler.chain_lanes set halted = null where address = ${bytes(address)}`
        await tx`
          delete from reconciler.chain_findings
          where lane = ${bytes(address)} and finding in ${tx(STAYING_FINDINGS)}`
        return lanes.count === 1
      }),

    async setDraining(address, draining) {
      const lanes = await sql`
        update reconciler.chain_lanes set draining = ${draining} where address = ${bytes(address)}`
      return lanes.count === 1
    },
  }
}

interface LaneRow extends Omit<LaneStatus, "address" | "nextNonce" | "openTransactions"> {
  readonly address: Buffer
  readonly nextNonce: bigint
  readonly openTransactions: bigint
  readonly findings: readonly Finding[]
}

async function listLanes(sql: Sql): Promise<readonly LaneStatus[]> {
  const rows = await sql<LaneRow[]>`
    select address, case when leased_until > clock_timestamp() then holder end as holder, next_nonce as "nextNonce",
      draining, halted,
      (select count(*) from reconciler.chain_transactions t
       where t.lane = address and t.settled_at is null) as "openTransactions",
      array(select distinct finding from reconciler.chain_findings f where f.lane = address order by finding)
        as findings
    from reconciler.chain_lanes order by address`
  return rows.map(row => ({
    ...row,
    address: hex(row.address),
    nextNonce: Number(row.nextNonce),
    openTransactions: Number(row.openTransactions),
  }))
}
