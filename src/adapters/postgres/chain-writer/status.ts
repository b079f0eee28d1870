import type { Finding } from "../../../chain-writer/finding.ts"
import type { ChainWriterStatus } from "../../../chain-writer/ports.ts"
import type { OperationType } from "../../../domain/operation.ts"
import type { Sql } from "../client.ts"
import { hex } from "./hex.ts"

/** What the chain writer has done and has before it; counts the whole table: for tests and a small one. */
export async function readChainWriterStatus(sql: Sql): Promise<ChainWriterStatus> {
  const [counts, openTransactions, findings] = await Promise.all([
    countOperations(sql),
    countOpenTransactions(sql),
    readLaneFindings(sql),
  ])
  return { ...counts, openTransactions, findings }
}

async function countOperations(sql: Sql) {
  const [row] = await sql<
    { pending: bigint; claimed: bigint; included: bigint; final: bigint; oldestPendingAgeMs: number | null }[]
  >`
    select count(*) filter (where state = 'pending') as pending,
      count(*) filter (where state = 'claimed') as claimed,
      count(*) filter (where state = 'included') as included,
      count(*) filter (where state = 'final') as final,
      (extract(epoch from clock_timestamp() - min(accepted_at) filter (where state = 'pending' and not backfill)) * 1000)::float8
        as "oldestPendingAgeMs"
    from reconciler.chain_operations where rebuild is null`
  return {
    pending: Number(row?.pending ?? 0n),
    claimed: Number(row?.claimed ?? 0n),
    included: Number(row?.included ?? 0n),
    final: Number(row?.final ?? 0n),
    oldestPendingAgeMs: row?.oldestPendingAgeMs ?? null,
  }
}

async function countOpenTransactions(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: bigint }[]>`
    select count(*) as count from reconciler.chain_transactions where settled_at is null`
  return Number(row?.count ?? 0n)
}

/** What holds lanes up now, the oldest first. */
export async function readLaneFindings(sql: Sql): Promise<ChainWriterStatus["findings"]> {
  const rows = await sql<{ lane: Buffer; type: OperationType | ""; finding: Finding; sinceMs: number }[]>`
    select lane, type, finding, (extract(epoch from since) * 1000)::float8 as "sinceMs"
    from reconciler.chain_findings order by since`
  return rows.map(row => ({ ...row, lane: hex(row.lane), type: row.type === "" ? null : row.type }))
}

/** Since when a rebuild keeps all else from the chain, in Unix milliseconds; null when none does. A table of a few rows. */
export async function readRebuildBegunMs(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ begunMs: number }[]>`
    select trunc(extract(epoch from begun_at) * 1000)::float8 as "begunMs"
    from reconciler.chain_deployments where state = 'rebuilding'`
  return row?.begunMs ?? null
}
