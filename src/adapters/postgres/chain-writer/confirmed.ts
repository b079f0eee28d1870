import type { Inclusion, Lane } from "../../../chain-writer/ports.ts"
import type { Sql } from "../client.ts"
import { insertDeadLetter } from "../dead-letters/insert.ts"
import { expectRows, fence } from "./fence.ts"
import { bytes } from "./hex.ts"

/** What a reorganisation deeper than the confirmations makes of what was confirmed. */

export async function moveConfirmed(
  sql: Sql,
  lane: Lane,
  id: bigint,
  to: Omit<Inclusion, "outcomes">,
): Promise<void> {
  await sql.begin(async tx => {
    await fence(tx, lane)
    const updated = await tx`
      update reconciler.chain_transactions
      set mined_hash = ${bytes(to.hash)}, block_number = ${to.blockNumber}, block_hash = ${bytes(to.blockHash)}
      where id = ${id} and lane = ${bytes(lane.address)} and state = 'confirmed' and contradicted_at is null`
    expectRows(updated.count, 1, "moving a confirmed transaction")
  })
}

/** The results stay told, since they cannot be taken back; the operations wait for a person as dead letters. */
export async function contradict(
  sql: Sql,
  lane: Lane,
  id: bigint,
  eventIds: readonly string[],
): Promise<void> {
  await sql.begin(async tx => {
    await fence(tx, lane)
    const updated = await tx`
      update reconciler.chain_transactions set contradicted_at = clock_timestamp()
      where id = ${id} and lane = ${bytes(lane.address)} and state = 'confirmed' and contradicted_at is null`
    expectRows(updated.count, 1, "marking a transaction contradicted")
    for (const eventId of eventIds) {
      await insertDeadLetter(tx, { source: "chain-writer", reason: "result-contradicted", eventId })
    }
  })
}
