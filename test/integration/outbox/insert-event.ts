import type { AnySql } from "../../../src/adapters/postgres/client.ts"

const subject = Buffer.alloc(32, 7)

/** Straight into the table, as a trigger would; the position it got. */
export async function insertEvent(sql: AnySql): Promise<bigint> {
  const [row] = await sql<{ seq: bigint }[]>`
    insert into reconciler.outbox (type, subject, payload)
    values ('unblock-ip.requested', ${subject}, '{}') returning seq`
  return row!.seq
}

/** Unix milliseconds, with fractions. */
export async function databaseClockMs(sql: AnySql): Promise<number> {
  const [row] = await sql<{ nowMs: number }[]>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"`
  return row!.nowMs
}
