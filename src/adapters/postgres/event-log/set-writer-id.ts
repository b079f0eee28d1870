import { MAX_WRITER_ID } from "../../../domain/position.ts"
import type { AnySql, Sql } from "../client.ts"

export type WriterIdResult =
  | { readonly outcome: "set" }
  | { readonly outcome: "unchanged" }
  /** Events were written under `writerId`; under a new one they could not be told from another branch's. */
  | { readonly outcome: "refused"; readonly writerId: number }

/**
 * Names this database among the branches of one chain, 0 to 1023, before its first event. Two branches with one id can
 * give out the same position. Throws RangeError for another number.
 */
export async function setWriterId(sql: Sql, writerId: number): Promise<WriterIdResult> {
  if (!Number.isInteger(writerId) || writerId < 0 || writerId > MAX_WRITER_ID) {
    throw new RangeError(`a writer id is an integer from 0 to ${MAX_WRITER_ID}`)
  }
  return sql.begin(async tx => {
    const current = await currentWriterId(tx)
    if (current === writerId) return { outcome: "unchanged" }
    if (await hasEvents(tx)) return { outcome: "refused", writerId: current }
    // No insert may take a position of the old id while the sequence moves. Asked for on an empty log only, because
    // every insert waits behind it.
    await tx`lock table reconciler.outbox in share row exclusive mode`
    if (await hasEvents(tx)) return { outcome: "refused", writerId: current }
    // Nor may a receive rule under way set the sequence back to the old id.
    await tx`select pg_advisory_xact_lock(1380137283, 0)`
    await tx`update reconciler.settings set writer_id = ${writerId}`
    await tx`
      select setval('reconciler.outbox_position', (last_value >> 10 << 10) + 1024 + ${writerId}::int)
      from reconciler.outbox_position`
    return { outcome: "set" }
  })
}

async function hasEvents(tx: AnySql): Promise<boolean> {
  const [event] = await tx`select true as present from reconciler.outbox limit 1`
  return event !== undefined
}

/** The writer id that positions of this database carry. */
export async function currentWriterId(sql: AnySql): Promise<number> {
  const [row] = await sql<{ writerId: number }[]>`
    select writer_id as "writerId" from reconciler.settings`
  if (!row) throw new Error("reconciler.settings has no row")
  return row.writerId
}
