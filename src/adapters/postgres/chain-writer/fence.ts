import { type Lane, LeaseLostError } from "../../../chain-writer/ports.ts"
import type { TransactionSql } from "../client.ts"
import { bytes } from "./hex.ts"

/**
 * `recoverable`: what the chain tells again if a crash of the server takes it back. Nobody waits for it to be on the
 * disk; what is committed after it and is on the disk proves that it is too, since the log is written in order.
 */
export type Worth = "durable" | "recoverable"

/** Locks the lane against a new lease until the transaction ends; throws LeaseLostError if there has been one. */
export async function fence(tx: TransactionSql, lane: Lane, worth: Worth = "durable"): Promise<void> {
  const rows = await tx`
    select set_config('synchronous_commit',
      case when ${worth === "recoverable"} then 'off' else current_setting('synchronous_commit') end, true)
    from reconciler.chain_lanes where address = ${bytes(lane.address)} and epoch = ${lane.epoch} for share`
  if (rows.length === 0) throw new LeaseLostError(`lane ${lane.address} has a newer epoch than ${lane.epoch}`)
}

/** A state change that found another state than it starts from: a bug, and nothing may be written. */
export function expectRows(found: number, expected: number, what: string): void {
  if (found !== expected)
    throw new Error(`${what}: ${found} rows in the expected state instead of ${expected}`)
}
