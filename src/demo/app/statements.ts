import type { TransactionSql } from "../../adapters/postgres/client.ts"
import type { Subject } from "../../domain/subject.ts"
import type { AttackPattern, IpAddress, Patient } from "../plan/things.ts"

/** What the app's own code would write, a statement a function. The pseudonym stands where the app keeps its hash. */

export async function insertBranch(sql: TransactionSql): Promise<bigint> {
  const [row] = await sql<{ id: bigint }[]>`
    insert into core_branch (name, location) values ('Harbour Clinic', 'Port District') returning id`
  return idOf(row)
}

export async function insertPatient(
  tx: TransactionSql,
  row: { readonly subject: Subject; readonly patient: Patient; readonly branchId: bigint },
): Promise<bigint> {
  const { subject, patient, branchId } = row
  const [inserted] = await tx<{ id: bigint }[]>`
    insert into core_patient
      (name, age, gender, branch_id, address, blockchain_id, blockchain_registered, contact_email, contact_phone,
       created_at, date_of_birth, registration_tx_hash, updated_at)
    values (
      ${patient.name}, extract(year from age(${patient.dateOfBirth}::date))::int, ${patient.gender}, ${branchId},
      ${patient.address}, ${subject}, false, ${patient.email}, ${patient.phone}, now(),
      ${patient.dateOfBirth}::date, '', now())
    returning id`
  return idOf(inserted)
}

/** The app has no column for a patient who left: the flag that says "registered on the chain" goes. */
export async function unregisterPatient(tx: TransactionSql, subject: Subject): Promise<bigint> {
  const [updated] = await tx<{ id: bigint }[]>`
    update core_patient set blockchain_registered = false, updated_at = now()
    where blockchain_id = ${subject} returning id`
  return idOf(updated)
}

/**
 * Blocks, or renews: the address is unique in the app's table, and cleanup may have taken the old row meanwhile.
 * A manual block has an expiry time too, since the column takes no null; it must be kept all the same.
 */
export async function upsertBlock(
  tx: TransactionSql,
  row: {
    readonly subject: Subject
    readonly address: IpAddress
    readonly expiresAt: number
    readonly manual: boolean
  },
): Promise<bigint> {
  const { subject, address, expiresAt, manual } = row
  const reason = manual ? "Blocked by an administrator" : "Auto-blocked: threat score 92 (threshold: 80)"
  const [written] = await tx<{ id: bigint }[]>`
    insert into firewall_blockedip
      (ip_address, ip_hash, block_time, expiry_time, reason, is_manual, blockchain_synced, block_tx_hash)
    values (${address.ip}::text::inet, ${subject}, now(), to_timestamp(${expiresAt}), ${reason}, ${manual}, false, '')
    on conflict (ip_address) do update set
      ip_hash = excluded.ip_hash, block_time = excluded.block_time, expiry_time = excluded.expiry_time,
      reason = excluded.reason, is_manual = excluded.is_manual, blockchain_synced = false, block_tx_hash = ''
    returning id`
  return idOf(written)
}

/** Nothing happens if cleanup was faster. */
export async function deleteBlock(tx: TransactionSql, address: IpAddress): Promise<void> {
  await tx`delete from firewall_blockedip where ip_address = ${address.ip}::text::inet`
}

export async function upsertSignature(
  tx: TransactionSql,
  row: { readonly subject: Subject; readonly pattern: AttackPattern; readonly severity: number },
): Promise<bigint> {
  const { subject, pattern, severity } = row
  const [written] = await tx<{ id: bigint }[]>`
    insert into firewall_attackpattern
      (pattern_hash, pattern_data, detected_at, severity, ip_count, request_count, blockchain_synced, signature_tx_hash)
    values (
      ${subject}, ${JSON.stringify(pattern.data)}::text::jsonb, now(), ${severity}, ${pattern.ipCount},
      ${pattern.requestCount}, false, '')
    on conflict (pattern_hash) do update set
      severity = excluded.severity, blockchain_synced = false, signature_tx_hash = ''
    returning id`
  return idOf(written)
}

/** A defect of someone who writes past `append`: no check, no lock. */
export async function insertUnchecked(
  tx: TransactionSql,
  event: { readonly type: string; readonly subject: Subject; readonly payload: object },
): Promise<{ position: bigint; eventId: string }> {
  const [row] = await tx<{ position: bigint; eventId: string }[]>`
    insert into reconciler.outbox (type, subject, payload)
    values (${event.type}, decode(${event.subject.slice(2)}, 'hex'), ${JSON.stringify(event.payload)}::text::jsonb)
    returning seq as position, event_id as "eventId"`
  if (!row) throw new Error("insert gave no row")
  return row
}

function idOf(row: { readonly id: bigint } | undefined): bigint {
  if (!row) throw new Error("the app's statement wrote no row")
  return row.id
}
