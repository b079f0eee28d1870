import type { Position } from "../../../domain/position.ts"
import type { Subject } from "../../../domain/subject.ts"
import type { Work } from "../../../write-back/work.ts"
import type { AnySql } from "../client.ts"

export interface ClaimedWork extends Work {
  /** For a removal, the version of the block that is over. */
  readonly blockVersion: Position | null
}

/** Locks at most `limit` results that are due to be settled; another process's are skipped. Uses index write_backs_due. */
export async function claimWork(tx: AnySql, limit: number): Promise<readonly ClaimedWork[]> {
  return tx<(ClaimedWork & { subject: Subject })[]>`
    select table_name as "table", action, '0x' || encode(subject, 'hex') as subject,
      operation_id as "operationId", operation_position as "operationPosition",
      '0x' || encode(transaction_hash, 'hex') as "transactionHash", traceparent, block_version as "blockVersion"
    from reconciler.write_backs
    where done_at is null and due_at <= now()
    order by due_at, operation_position limit ${limit}
    for update skip locked`
}
