import type { Sql, TransactionSql } from "../../adapters/postgres/client.ts"
import { append, postgresEventLog } from "../../adapters/postgres/event-log/append.ts"
import { linkRow } from "../../integrations/caregrid/link-row.ts"
import type { CareGridTable } from "../../integrations/caregrid/tables.ts"
import { InvalidEventError } from "../../outbox/invalid-event.ts"
import type { Act, Step } from "../plan/story.ts"
import type { Identity } from "../plan/things.ts"
import type { Request } from "./request.ts"
import { deleteBlock, insertPatient, unregisterPatient, upsertBlock, upsertSignature } from "./statements.ts"

export interface AppTransaction {
  readonly step: Step
  readonly request: Request
  readonly identity: Identity
  readonly branchId: bigint
  /** Unix seconds: what the row's expiry time says. */
  readonly expiresAt: number
  /** Through the SQL function alone, as from any language; otherwise through TypeScript's `append`. */
  readonly throughSql: boolean
  /** Runs while the transaction is still open, after its append. */
  readonly beforeCommit?: (appended: Appended) => Promise<void>
}

export interface Appended {
  readonly position: bigint
  readonly eventId: string
}

export type AppOutcome =
  | ({ readonly outcome: "committed" } & Appended)
  | ({ readonly outcome: "rolled-back" } & Appended)
  | { readonly outcome: "manual-block-stands" }
  | { readonly outcome: "refused" }

/** One domain row and its event in one transaction, as the app would do it. */
export async function runAppTransaction(sql: Sql, transaction: AppTransaction): Promise<AppOutcome> {
  let undone: Appended | undefined
  try {
    return await sql.begin(async tx => {
      const outcome = await writeAndAppend(tx, transaction)
      if (outcome.outcome === "committed" && transaction.step.rollBack) {
        undone = outcome
        throw new RolledBack()
      }
      return outcome
    })
  } catch (error) {
    if (error instanceof RolledBack && undone) return { ...undone, outcome: "rolled-back" }
    if (error instanceof InvalidEventError) return { outcome: "refused" }
    throw error
  }
}

class RolledBack extends Error {}

async function writeAndAppend(tx: TransactionSql, transaction: AppTransaction): Promise<AppOutcome> {
  const { request, beforeCommit } = transaction
  // An automatic block asks first: where a manual one stands, the app's row must stay as it is.
  const asksFirst = transaction.step.act.name === "block" || transaction.step.act.name === "block-over-manual"
  const early = asksFirst ? await appendRequest(tx, transaction) : undefined
  if (early?.outcome === "manual-block-stands") return early
  const row = await writeRow(tx, transaction)
  const answer = early ?? (await appendRequest(tx, transaction))
  if (answer.outcome === "manual-block-stands") return answer
  if (row) await linkRow(tx, { ...row, subject: request.subject, position: answer.position })
  await beforeCommit?.(answer)
  return { ...answer, outcome: "committed" }
}

function appendRequest(tx: TransactionSql, { request, throughSql }: AppTransaction) {
  const { type, subject, payload } = request
  return throughSql
    ? postgresEventLog.append(tx, { type, subject, payload })
    : append(tx, { type, subject, payload })
}

interface WrittenRow {
  readonly table: CareGridTable
  readonly rowId: bigint
}

/** Null where the app's row goes, so that there is none to link. */
async function writeRow(tx: TransactionSql, transaction: AppTransaction): Promise<WrittenRow | null> {
  const { step, identity, request, branchId, expiresAt } = transaction
  const { subject } = request
  switch (identity.thing) {
    case "patient": {
      const rowId =
        step.act.name === "deactivate-patient"
          ? await unregisterPatient(tx, subject)
          : await insertPatient(tx, { subject, patient: identity, branchId })
      return { table: "core_patient", rowId }
    }
    case "ip-address": {
      if (step.act.name === "unblock") {
        await deleteBlock(tx, identity)
        return null
      }
      const manual = request.payload.manual === true
      const rowId = await upsertBlock(tx, { subject, address: identity, expiresAt, manual })
      return { table: "firewall_blockedip", rowId }
    }
    case "attack-pattern": {
      const severity = severityOf(step.act)
      const rowId = await upsertSignature(tx, { subject, pattern: identity, severity })
      return { table: "firewall_attackpattern", rowId }
    }
  }
}

function severityOf(act: Act): number {
  return act.name === "add-signature" ? act.severity : 11
}
