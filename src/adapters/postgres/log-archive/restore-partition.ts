import type { Archive } from "../../../outbox/archive-ports.ts"
import { OperatorError } from "../../../runtime/errors.ts"
import type { Sql, TransactionSql } from "../client.ts"

/**
 * Puts a day back: one transaction, so that it is there whole or not at all. It is checked and indexed before it is
 * attached, and the check constraint spares the attach a scan; only the attach asks for locks of the log, for 50 ms.
 */
export async function restorePartition(
  sql: Sql,
  archive: Archive,
  lines: AsyncIterable<readonly string[]>,
): Promise<"restored"> {
  const { partition, from, to } = archive
  await sql.begin(async tx => {
    await assertAbsent(tx, partition)
    await tx.unsafe(
      `create table reconciler.${partition} (
        like reconciler.outbox including defaults including constraints,
        primary key (seq), constraint in_range check (seq >= ${from} and seq < ${to}))`,
    )
    for await (const chunk of lines) await insertLines(tx, partition, chunk)
    const [counted] = await tx<{ rows: number }[]>`
      select count(*)::float8 as rows from ${tx(`reconciler.${partition}`)}`
    if (counted?.rows !== archive.rows) throw new Error(`${archive.file} gave ${counted?.rows} events`)
    await tx`set local lock_timeout = '50ms'`
    await tx.unsafe(
      `alter table reconciler.outbox attach partition reconciler.${partition} for values from (${from}) to (${to})`,
    )
    await tx.unsafe(`alter table reconciler.${partition} drop constraint in_range`)
    await tx`
      insert into reconciler.archives (partition, from_seq, to_seq, file, rows, bytes, sha256, restored_at)
      values (${partition}, ${from}, ${to}, ${archive.file}, ${archive.rows}, ${archive.bytes}, ${archive.sha256},
        clock_timestamp())
      on conflict (partition) do update set dropped_at = null, restored_at = excluded.restored_at`
  })
  return "restored"
}

async function assertAbsent(tx: TransactionSql, partition: string): Promise<void> {
  const [found] = await tx`select from pg_class where oid = to_regclass(${`reconciler.${partition}`})`
  if (found) throw new OperatorError(`${partition} is in the log already: nothing to restore.`, 1)
}

async function insertLines(tx: TransactionSql, partition: string, lines: readonly string[]): Promise<void> {
  await tx`
    insert into ${tx(`reconciler.${partition}`)}
      (seq, event_id, type, subject, payload, occurred_at, traceparent, causation_id, backfill)
    select (l ->> 'seq')::bigint, (l ->> 'event_id')::uuid, l ->> 'type', decode(l ->> 'subject', 'hex'),
      l -> 'payload', (l ->> 'occurred_at')::timestamptz, l ->> 'traceparent', (l ->> 'causation_id')::uuid,
      coalesce((l ->> 'backfill')::boolean, false)
    from jsonb_array_elements(${`[${lines.join(",")}]`}::text::jsonb) as l`
}
