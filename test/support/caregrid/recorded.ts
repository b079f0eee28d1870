import { bulkInsert, cleanUp, insert, type Row, remove, type Statement, save, update } from "./statements.ts"

/** One step of a connection: a statement, or the boundary of a transaction. Outside of one, each statement commits. */
export type Step = Statement | "BEGIN" | "COMMIT" | "ROLLBACK" | { readonly savepoint: string }

const TRANSACTION_HASH = "ab".repeat(32)
const iso = (date: Date) => date.toISOString()

export function patientRow(given: Row & { readonly blockchain_id: string | null }): Row {
  const now = iso(new Date())
  return {
    name: "Test Person",
    date_of_birth: "1990-01-02",
    gender: "F",
    contact_phone: "0123456789",
    contact_email: "t@example.org",
    address: "",
    branch_id: 1,
    age: 36,
    blockchain_registered: false,
    registration_tx_hash: "",
    created_at: now,
    updated_at: now,
    ...given,
  }
}

export function blockRow(
  given: Row & { readonly ip_address: string; readonly ip_hash: string; readonly expiry_time: string },
): Row {
  return {
    block_time: iso(new Date()),
    reason: AUTO_REASON,
    is_manual: false,
    blocked_by_id: null,
    blockchain_synced: false,
    block_tx_hash: "",
    ...given,
  }
}

/** The middleware's, with the score; the same score gives the same reason again. */
export const AUTO_REASON = "Auto-blocked: threat score 95 (threshold: 80)"

export function patternRow(given: Row & { readonly pattern_hash: string; readonly severity: number }): Row {
  return {
    pattern_data: '{"endpoint": "/api/x", "method": "GET"}',
    detected_at: iso(new Date()),
    ip_count: 60,
    request_count: 300,
    blockchain_synced: false,
    signature_tx_hash: "",
    ...given,
  }
}

function logRow(ip: string, action: string): Row {
  return {
    ip_address: ip,
    threat_score: 95,
    threat_level: "HIGH",
    endpoint: "/api/branches/",
    method: "GET",
    user_agent: "",
    timestamp: iso(new Date()),
    rate_score: 0,
    pattern_score: 0,
    session_score: 0,
    entropy_score: 0,
    auth_failure_score: 0,
    action_taken: action,
    blocked_on_blockchain: action === "auto_blocked",
    block_tx_hash: "",
  }
}

/**
 * POST /api/patients/: one transaction over insert, the chain call, and a save of every column if that answered.
 * `id` is the row's, known to the app from RETURNING.
 */
export function registerPatientView(row: Row, id: number, chain: "confirmed" | "down"): readonly Step[] {
  const told = save("core_patient", id, {
    ...row,
    blockchain_registered: true,
    registration_tx_hash: TRANSACTION_HASH,
  })
  return ["BEGIN", insert("core_patient", row), ...(chain === "confirmed" ? [told] : []), "COMMIT"]
}

/** The middleware at a score of 80 and more: the log entry, then the block; each commits by itself. */
export function middlewareBlocks(row: Row): readonly Step[] {
  return [
    insert("firewall_securitylog", logRow(String(row.ip_address), "auto_blocked")),
    insert("firewall_blockedip", row),
  ]
}

/** The same where the address has a row: other expiry and reason, the flags false, `is_manual` as it was. */
export function middlewareRenews(id: number, row: Row, expiry: string): readonly Step[] {
  return [
    insert("firewall_securitylog", logRow(String(row.ip_address), "auto_blocked")),
    save("firewall_blockedip", id, {
      ...row,
      expiry_time: expiry,
      reason: AUTO_REASON,
      blockchain_synced: false,
      block_tx_hash: "",
    }),
  ]
}

/** POST /api/security/block/. A row that is there already, over or not, makes the app answer 500. */
export function adminBlockView(row: Row): readonly Step[] {
  return [
    insert("firewall_blockedip", {
      ...row,
      is_manual: true,
      blockchain_synced: true,
      block_tx_hash: TRANSACTION_HASH,
    }),
  ]
}

/** POST /api/security/unblock/: every column as it was read, and the expiry is now. The reason stays. */
export function adminUnblockView(id: number, row: Row, now: string): readonly Step[] {
  return [
    save("firewall_blockedip", id, { ...row, expiry_time: now }),
    insert("firewall_securitylog", logRow(String(row.ip_address), "unblocked")),
  ]
}

/** The detector: one insert; found again, it writes only once the chain has answered, and no other severity. */
export function detectorStores(row: Row): readonly Step[] {
  return [insert("firewall_attackpattern", row)]
}

/** The cron job, for a row it wrote to the chain. */
export function syncTellsPatient(id: number): readonly Step[] {
  const columns = ["blockchain_registered", "registration_tx_hash"]
  const row = { blockchain_registered: true, registration_tx_hash: TRANSACTION_HASH }
  return ["BEGIN", update("core_patient", columns, row, { column: "id", value: id }), "COMMIT"]
}

export function syncTellsBlock(id: number): readonly Step[] {
  const columns = ["blockchain_synced", "block_tx_hash"]
  const row = { blockchain_synced: true, block_tx_hash: TRANSACTION_HASH }
  return ["BEGIN", update("firewall_blockedip", columns, row, { column: "id", value: id }), "COMMIT"]
}

export function cleanUpCommand(now: string): readonly Step[] {
  return ["BEGIN", cleanUp(now), "COMMIT"]
}

/** Also what deleting a branch does to its patients. */
export function patientsDeleted(ids: readonly number[]): readonly Step[] {
  return ["BEGIN", remove("core_patient", ids), "COMMIT"]
}

export function blockDeleted(id: number): readonly Step[] {
  return [remove("firewall_blockedip", [id])]
}

export function blocksBulkCreated(rows: readonly Row[]): readonly Step[] {
  return ["BEGIN", bulkInsert("firewall_blockedip", rows), "COMMIT"]
}

export function patientsBulkCreated(rows: readonly Row[]): readonly Step[] {
  return ["BEGIN", bulkInsert("core_patient", rows), "COMMIT"]
}

/** An inner `atomic()` that fails within an outer one that does not. */
export function savepointRolledBack(outer: Statement, inner: Statement): readonly Step[] {
  return [
    "BEGIN",
    outer,
    { savepoint: "SAVEPOINT s1" },
    inner,
    { savepoint: "ROLLBACK TO SAVEPOINT s1" },
    { savepoint: "RELEASE SAVEPOINT s1" },
    "COMMIT",
  ]
}
