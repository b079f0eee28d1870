import type { Sql } from "../client.ts"

const LINES_A_READ = 2_000

/**
 * The partition's events as JSON texts, by its primary key. Made by the server, so that a payload's numbers keep all
 * their digits. Many short statements: one long one would keep the whole database from cleaning up.
 */
export async function* readLines(sql: Sql, partition: string): AsyncGenerator<readonly string[]> {
  let after = -1n
  for (;;) {
    const rows = await sql<{ seq: bigint; line: string }[]>`
      select seq, json_build_object('seq', seq::text, 'event_id', event_id, 'type', type,
        'subject', encode(subject, 'hex'), 'payload', payload, 'occurred_at', occurred_at,
        'traceparent', traceparent, 'causation_id', causation_id, 'backfill', backfill)::text as line
      from ${sql(`reconciler.${partition}`)} where seq > ${after} order by seq limit ${LINES_A_READ}`
    const last = rows.at(-1)
    if (!last) return
    after = last.seq
    yield rows.map(row => row.line)
  }
}
