import { randomBytes } from "node:crypto"
import type { AnySql, Sql } from "../../src/adapters/postgres/client.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { subjectBytes } from "../../src/domain/subject.ts"
import { linkRow } from "../../src/integrations/caregrid/link-row.ts"
import { CAREGRID_TABLES, type CareGridTable } from "../../src/integrations/caregrid/tables.ts"
import type { App } from "../conformance/app-tables.ts"

/** CareGrid as a writer of its own tables; it does not append, the test tells what happened. */
export function createCareGridApp(sql: Sql, schema: string): App {
  const name = (table: CareGridTable) => `${schema}.${table}`
  return {
    async write(table, request, block) {
      await sql.begin(async tx => {
        const rowId =
          (await lockRow(tx, schema, table, request.subject)) ?? (await insertRow(tx, schema, table))
        if (block) {
          await tx`update ${tx(name(table))} set
            expiry_time = clock_timestamp() + ${block.expiresInMs} * interval '1 millisecond',
            is_manual = ${block.manual ?? false}, blockchain_synced = false, block_tx_hash = ''
            where id = ${rowId}`
        }
        await linkRow(tx, { subject: request.subject, table, rowId, position: request.position })
      })
    },
    async deleteRow(table, subject) {
      await sql`delete from ${sql(name(table))} where id = ${await rowIdOf(sql, table, subject)}`
    },
    async hold(table, subject) {
      const rowId = await rowIdOf(sql, table, subject)
      const holder = await sql.reserve()
      await holder`begin`
      await holder`select from ${holder(name(table))} where id = ${rowId} for update`
      return async () => {
        await holder`rollback`
        holder.release()
      }
    },
    async read(table, subject) {
      const { flag, hash } = CAREGRID_TABLES[table]
      const [row] = await sql<{ flag: boolean; hash: string }[]>`
        select ${sql(flag)} as flag, ${sql(hash)} as hash from ${sql(name(table))}
        where id = ${await rowIdOf(sql, table, subject)}`
      return row ? { ...row } : null
    },
  }
}

async function rowIdOf(sql: AnySql, table: CareGridTable, subject: EventRecord["subject"] | string) {
  const bytes = subjectBytes(subject as EventRecord["subject"])
  const [row] = await sql<{ rowId: bigint }[]>`
    select row_id as "rowId" from reconciler.app_rows where table_name = ${table} and subject = ${bytes}`
  return row?.rowId ?? null
}

/** Null also when write-back took the row out a moment ago: an app finds that out by the lock, not by what it read. */
async function lockRow(tx: AnySql, schema: string, table: CareGridTable, subject: string) {
  const [row] = await tx<{ id: bigint }[]>`
    select id from ${tx(`${schema}.${table}`)} where id = ${await rowIdOf(tx, table, subject)} for update`
  return row?.id ?? null
}

async function insertRow(tx: AnySql, schema: string, table: CareGridTable): Promise<bigint> {
  const random = randomBytes(32).toString("hex")
  const columns = await rowFor(tx, schema, table, random)
  const [row] = await tx<
    { id: bigint }[]
  >`insert into ${tx(`${schema}.${table}`)} ${tx(columns)} returning id`
  return row!.id
}

async function rowFor(tx: AnySql, schema: string, table: CareGridTable, random: string) {
  const now = new Date()
  switch (table) {
    case "core_patient": {
      const [branch] = await tx<{ id: bigint }[]>`
        insert into ${tx(`${schema}.core_branch`)} (name, location) values ('North', 'Hill') returning id`
      return {
        name: "Test Person",
        gender: "other",
        branch_id: branch!.id,
        address: "",
        blockchain_id: `0x${random}`,
        blockchain_registered: false,
        contact_email: "test@example.org",
        contact_phone: "",
        created_at: now,
        date_of_birth: "1990-01-01",
        registration_tx_hash: "",
        updated_at: now,
      }
    }
    case "firewall_blockedip": {
      const groups = random.match(/.{4}/g)!.slice(0, 8)
      return {
        ip_address: groups.join(":"),
        ip_hash: `0x${random}`,
        block_time: now,
        expiry_time: now,
        reason: "scan",
        is_manual: false,
        blockchain_synced: false,
        block_tx_hash: "",
      }
    }
    case "firewall_attackpattern":
      return {
        pattern_hash: `0x${random}`,
        pattern_data: "{}",
        detected_at: now,
        severity: 3,
        ip_count: 1,
        request_count: 1,
        blockchain_synced: false,
        signature_tx_hash: "",
      }
  }
}
