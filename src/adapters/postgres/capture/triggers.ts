import { type CareGridTable, careGridTables } from "../../../integrations/caregrid/tables.ts"

/** The same name on every table: it is what `remove` looks for. */
export const CAPTURE_TRIGGER = "reconciler_capture"
export const TRUNCATE_TRIGGER = "reconciler_capture_truncate"

export interface CapturedTable {
  readonly table: CareGridTable
  readonly function: string
  /** What the function reads, and of which types it may be. */
  readonly columns: Readonly<Record<string, readonly string[]>>
}

const ID = ["bigint", "integer"]
const HASH = ["character varying", "text"]

const READ: Readonly<Record<CareGridTable, Omit<CapturedTable, "table">>> = {
  core_patient: { function: "capture_patient", columns: { id: ID, blockchain_id: HASH } },
  firewall_blockedip: {
    function: "capture_block",
    columns: {
      id: ID,
      ip_address: ["inet"],
      ip_hash: HASH,
      expiry_time: ["timestamp with time zone"],
      reason: HASH,
      is_manual: ["boolean"],
    },
  },
  firewall_attackpattern: {
    function: "capture_signature",
    columns: { id: ID, pattern_hash: HASH, severity: ["integer", "smallint", "bigint"] },
  },
}

export const capturedTables: readonly CapturedTable[] = careGridTables.map(table => ({
  table,
  ...READ[table],
}))

export interface TriggerDefinition {
  readonly name: string
  readonly function: string
  /** Bits of pg_trigger.tgtype: 1 for each row, 4 insert, 8 delete, 16 update, 32 truncate. */
  readonly type: number
  readonly isDeferred: boolean
  /** Where `%t` stands for the table, quoted. */
  readonly create: string
}

/**
 * Deferred, so that the log's lock is held for the end of the app's transaction only, however long that was open.
 * Neither `UPDATE OF` nor `WHEN`: with a column named there, the app's own migrations could not alter it.
 */
export function triggersOf(captured: CapturedTable): readonly TriggerDefinition[] {
  return [
    {
      name: CAPTURE_TRIGGER,
      function: captured.function,
      type: 1 + 4 + 8 + 16,
      isDeferred: true,
      create: `create constraint trigger ${CAPTURE_TRIGGER} after insert or update or delete on %t
        deferrable initially deferred for each row execute function reconciler.${captured.function}()`,
    },
    {
      name: TRUNCATE_TRIGGER,
      function: "capture_truncate",
      type: 32,
      isDeferred: false,
      create: `create trigger ${TRUNCATE_TRIGGER} after truncate on %t
        for each statement execute function reconciler.capture_truncate()`,
    },
  ]
}
