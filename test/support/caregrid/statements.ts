/**
 * What CareGrid sends to PostgreSQL, recorded from the real app (Django 5.2, psycopg 3) with log_statement = all: which
 * columns each statement sets, in which order statements come, and where transactions begin and end. Only statements
 * that write are kept; the reads between them change nothing for whoever listens to writes.
 */

export type Row = Readonly<Record<string, string | number | boolean | null>>

/** One statement with its parameters; `column` in a `where` is quoted by the driver's text, as the ORM does. */
export interface Statement {
  readonly text: string
  readonly values: readonly (string | number | boolean | null)[]
}

/** The ORM's types where it casts a parameter. */
const CASTS: Readonly<Record<string, string>> = {
  ip_address: "inet",
  block_time: "timestamptz",
  expiry_time: "timestamptz",
  detected_at: "timestamptz",
  created_at: "timestamptz",
  updated_at: "timestamptz",
  timestamp: "timestamptz",
  date_of_birth: "date",
  pattern_data: "jsonb",
}

const COLUMNS = {
  core_patient:
    "name date_of_birth gender contact_phone contact_email address branch_id age blockchain_id blockchain_registered registration_tx_hash created_at updated_at",
  firewall_blockedip:
    "ip_address ip_hash block_time expiry_time reason is_manual blocked_by_id blockchain_synced block_tx_hash",
  firewall_attackpattern:
    "pattern_hash pattern_data detected_at severity ip_count request_count blockchain_synced signature_tx_hash",
  firewall_securitylog:
    "ip_address threat_score threat_level endpoint method user_agent timestamp rate_score pattern_score session_score entropy_score auth_failure_score action_taken blocked_on_blockchain block_tx_hash",
} as const
export type AppTable = keyof typeof COLUMNS

const columnsOf = (table: AppTable) => COLUMNS[table].split(" ")
const quote = (name: string) => `"${name}"`

/** As text, then the type: the driver would otherwise make its own of it. */
function place(column: string, at: number): string {
  const cast = CASTS[column]
  return cast ? `$${at}::text::${cast}` : `$${at}`
}

/** `objects.create()` and the first `save()`: every column. */
export function insert(table: AppTable, row: Row): Statement {
  const columns = columnsOf(table)
  const places = columns.map((column, index) => place(column, index + 1))
  return {
    text: `INSERT INTO ${quote(table)} (${columns.map(quote).join(", ")}) VALUES (${places.join(", ")}) RETURNING "id"`,
    values: columns.map(column => row[column] ?? null),
  }
}

/** A later `save()`: every column again, from the copy that the app holds. */
export function save(table: AppTable, id: number, row: Row): Statement {
  return update(table, columnsOf(table), row, { column: "id", value: id })
}

/** `queryset.update(...)` and `save(update_fields=...)`: the columns named. */
export function update(
  table: AppTable,
  columns: readonly string[],
  row: Row,
  where: { readonly column: string; readonly value: string | number },
): Statement {
  const sets = columns.map((column, index) => `${quote(column)} = ${place(column, index + 1)}`)
  return {
    text: `UPDATE ${quote(table)} SET ${sets.join(", ")} WHERE ${quote(table)}.${quote(where.column)} = ${place(where.column, columns.length + 1)}`,
    values: [...columns.map(column => row[column] ?? null), where.value],
  }
}

/** `bulk_create()` of two and more: the rows column by column. */
export function bulkInsert(table: AppTable, rows: readonly Row[]): Statement {
  const columns = columnsOf(table)
  const types: Record<string, string> = {
    is_manual: "boolean",
    blockchain_synced: "boolean",
    blockchain_registered: "boolean",
    blocked_by_id: "bigint",
    branch_id: "bigint",
    age: "integer",
    severity: "integer",
    ip_count: "integer",
    request_count: "integer",
  }
  const arrays = columns.map((column, index) => {
    const type = CASTS[column] ?? types[column] ?? "varchar"
    return `($${index + 1}::text::${type}[])`
  })
  return {
    text: `INSERT INTO ${quote(table)} (${columns.map(quote).join(", ")}) SELECT * FROM UNNEST(${arrays.join(", ")}) RETURNING "id"`,
    values: columns.map(column => arrayText(rows.map(row => row[column] ?? null))),
  }
}

function arrayText(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map(value => (value === null ? "NULL" : JSON.stringify(String(value)))).join(",")}}`
}

/** `instance.delete()`, and `queryset.delete()` where other tables refer to the rows. */
export function remove(table: AppTable, ids: readonly number[]): Statement {
  const places = ids.map((_, index) => `$${index + 1}`).join(", ")
  return { text: `DELETE FROM ${quote(table)} WHERE "id" IN (${places})`, values: ids }
}

/** The app's cleanup command: by the app host's clock. */
export function cleanUp(now: string): Statement {
  return {
    text: `DELETE FROM "firewall_blockedip" WHERE "expiry_time" < $1::text::timestamptz`,
    values: [now],
  }
}
