import { STAYING_FINDINGS } from "../../../chain-writer/finding.ts"
import type { Lanes, LeaseOutcome } from "../../../chain-writer/ports.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { fence } from "./fence.ts"
import { bytes } from "./hex.ts"
import type { RebuildOptions } from "./transaction-log.ts"

export function createLanes(sql: Sql, { rebuild = null }: RebuildOptions = {}): Lanes {
  return {
    lease: request => leaseLane(sql, request, rebuild),

    async release(lane) {
      const address = bytes(lane.address)
      await sql.begin(async tx => {
        const released = await tx`
          update reconciler.chain_lanes set holder = null, leased_until = clock_timestamp()
          where address = ${address} and epoch = ${lane.epoch}`
        // Its key may be gone for good: then no later holder would end them.
        if (released.count > 0) await endFindings(tx, address, false)
      })
    },

    async setFinding(lane, finding, type, present) {
      await sql.begin(async tx => {
        await fence(tx, lane)
        const key = { lane: bytes(lane.address), type: type ?? "", finding }
        if (present) await tx`insert into reconciler.chain_findings ${tx(key)} on conflict do nothing`
        else
          await tx`
            delete from reconciler.chain_findings
            where lane = ${key.lane} and type = ${key.type} and finding = ${key.finding}`
      })
    },

    async halt(lane, finding) {
      await sql.begin(async tx => {
        await fence(tx, lane)
        const address = bytes(lane.address)
        await tx`
          insert into reconciler.chain_findings (lane, type, finding) values (${address}, '', ${finding})
          on conflict do nothing`
        await tx`
          update reconciler.chain_lanes set halted = coalesce(halted, ${finding}) where address = ${address}`
      })
    },
  }
}

function leaseLane(
  sql: Sql,
  request: Parameters<Lanes["lease"]>[0],
  rebuild: bigint | null,
): Promise<LeaseOutcome> {
  const address = bytes(request.address)
  const genesisHash = bytes(request.genesisHash)
  return sql.begin(async tx => {
    await tx`
      insert into reconciler.chain_lanes (address, genesis_hash, epoch, leased_until)
      values (${address}, ${genesisHash}, 0, clock_timestamp()) on conflict do nothing`
    const [current] = await tx<{ genesis: Buffer; mine: boolean; free: boolean }[]>`
      select genesis_hash as genesis, holder is not distinct from ${request.holder}::text as mine,
        holder is null or leased_until <= clock_timestamp() as free
      from reconciler.chain_lanes where address = ${address} for update`
    if (!current) throw new Error("the lane's row is gone")
    if (!current.genesis.equals(genesisHash)) {
      // Without a lease, and so without an epoch: whoever asks sees the same.
      await tx`
        insert into reconciler.chain_findings (lane, type, finding) values (${address}, '', 'other-chain')
        on conflict do nothing`
      return { kind: "other-chain" }
    }
    if (!current.mine && !current.free) return { kind: "held" }
    if (await isLeftToRebuild(tx, address, rebuild)) {
      if (current.mine) {
        await tx`
          update reconciler.chain_lanes set holder = null, leased_until = clock_timestamp() where address = ${address}`
      }
      return { kind: "held" }
    }
    await endFindings(tx, address, current.mine)
    const [leased] = await tx<{ epoch: bigint; nextNonce: bigint; draining: boolean; halted: boolean }[]>`
      update reconciler.chain_lanes
      set holder = ${request.holder}, epoch = epoch + ${current.mine ? 0 : 1},
        leased_until = clock_timestamp() + ${request.leaseMs} * interval '1 millisecond'
      where address = ${address}
      returning epoch, next_nonce as "nextNonce", draining, halted is not null as halted`
    if (!leased) throw new Error("the lane's row is gone")
    const { draining, halted } = leased
    const lane = { address: request.address, epoch: leased.epoch }
    return { kind: "leased", lane, nextNonce: Number(leased.nextNonce), draining, halted }
  })
}

/** Who does not carry it out finishes what the lane has open, and then makes room for who does. */
async function isLeftToRebuild(
  tx: TransactionSql,
  address: Buffer,
  rebuild: bigint | null,
): Promise<boolean> {
  const rows = await tx`
    select from reconciler.chain_deployments
    where state = 'rebuilding' and id is distinct from ${rebuild}::bigint and not exists (
      select from reconciler.chain_transactions where lane = ${address} and settled_at is null)`
  return rows.length > 0
}

/** What another holder found, or one that is gone, may no longer hold; what a person has to look at stays. */
async function endFindings(tx: TransactionSql, address: Buffer, mine: boolean): Promise<void> {
  await tx`
    delete from reconciler.chain_findings
    where lane = ${address}
      and (finding = 'other-chain' or not ${mine} and finding not in ${tx(STAYING_FINDINGS)})`
}
