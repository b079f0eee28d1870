import { createHash } from "node:crypto"
import type { Sql } from "../../src/adapters/postgres/client.ts"

export const TYPE = "block-ip.requested"
/** Makes an event's payload about 300 bytes, as JSON text. */
const FILLER = "x".repeat(200)
const ROWS_A_TRANSACTION = 1_000

export function payloadOf(id: string): string {
  return JSON.stringify({
    id,
    manual: false,
    expiresAt: 1_900_000_000,
    reason: FILLER,
    severity: 5,
    source: "bench",
  })
}

/** The marker that `payloadOf` put into a payload. */
export function idOf(payload: string): string {
  return /"id": ?"([^"]*)"/.exec(payload)?.[1] ?? ""
}

export function benchSubject(index: number): Buffer {
  return createHash("sha256").update(String(index)).digest()
}

/** Commits `events` over `subjects`, a thousand rows a transaction. Resolves with the seconds that took. */
export async function fill(sql: Sql, events: number, subjects: number): Promise<number> {
  const startedMs = performance.now()
  for (let done = 0; done < events; done += ROWS_A_TRANSACTION) {
    const rows = Math.min(ROWS_A_TRANSACTION, events - done)
    await sql`
      insert into reconciler.outbox (type, subject, payload)
      select ${TYPE}, sha256(convert_to((n % ${subjects})::text, 'UTF8')),
        jsonb_build_object('id', n::text, 'manual', false, 'expiresAt', 1900000000, 'reason', ${FILLER}::text,
          'severity', 5, 'source', 'bench')
      from generate_series(${done}::int, ${done + rows - 1}::int) n`
  }
  return (performance.now() - startedMs) / 1000
}

/** One row, one transaction: as an application would. */
export async function appendOne(sql: Sql, id: string, subject: Buffer): Promise<void> {
  await sql`
    insert into reconciler.outbox (type, subject, payload) values (${TYPE}, ${subject}, ${payloadOf(id)}::text::jsonb)`
}

/** Events in the log. */
export async function rowsOf(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from reconciler.outbox`
  return row?.count ?? 0
}
